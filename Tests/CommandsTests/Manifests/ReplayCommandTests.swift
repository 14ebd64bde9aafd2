import Foundation
import ModelManifests
import Testing

@testable import Commands

@Suite struct ReplayCommandTests {
    static let deployment = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: fraud-scorer}
        spec:
          model: {version: "2"}
          runtime: {command: [server]}
          traffic: {observe: {path: 'outputs[0].data[0]', buckets: [0.5]}}
          rollout: {gates: [{name: drifted, drift: {profile: training}}]}
        """

    static let profile = """
        apiVersion: mlctl.dev/v1alpha1
        kind: PredictionProfile
        metadata: {name: training}
        spec: {buckets: [0.5], counts: [70, 30]}
        """

    /// - Parameter files: names and contents. The first file is replayed.
    static func deployment(of files: [(name: String, text: String)]) throws -> ModelDeployment {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-replay-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
        return try ReplayCommand.deployment(in: folder.appending(path: files[0].name).path(percentEncoded: false))
    }

    @Test("a profile may be in a file beside the manifest; deployments in that file are ignored")
    func beside() throws {
        let found = try Self.deployment(of: [
            ("model.yaml", Self.deployment), ("profile.yaml", Self.profile), ("old-model.yml", Self.deployment),
            ("broken.yaml", "kind: ["), ("notes.txt", "kind: ["),
        ])
        guard case .drift(let gate)? = found.rollout.gates.first?.kind else {
            Issue.record("no drift gate: \(found.rollout.gates)")
            return
        }
        #expect(gate.reference == .profile(PredictionProfile(buckets: .edges([0.5]), counts: [70, 30])))
    }

    @Test("a reference to a missing document is invalid, and so is more than one deployment")
    func invalid() throws {
        let missing = #expect(throws: (any Error).self) { try Self.deployment(of: [("model.yaml", Self.deployment)]) }
        #expect(String(describing: missing).contains("PredictionProfile 'training' does not exist"))
        let two = Self.deployment + "\n---\n" + Self.deployment.replacing("fraud-scorer", with: "other") + "\n---\n"
        let several = #expect(throws: (any Error).self) {
            try Self.deployment(of: [("model.yaml", two + Self.profile)])
        }
        #expect(String(describing: several).contains("contains 2 ModelDeployments; replay needs exactly one"))
    }
}

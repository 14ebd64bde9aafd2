import Commands
import Foundation
import TestSupport
import Testing

/// The virtual environment with MLServer.
private let mlserverEnvironment = ProcessInfo.processInfo.environment["MLCTL_TEST_VENV"]

/// A server that nobody here wrote: MLServer from PyPI with a scikit-learn model, by the preset as it is compiled in.
@Suite(
    "MLServer", .serialized,
    .enabled(if: mlserverEnvironment != nil, "MLCTL_TEST_VENV is not set; 'make test-e2e' sets it up"))
struct MLServerTests {
    static let training = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "manifests/mlserver/train.py")

    private func train(_ installation: Installation, _ version: String) throws -> URL {
        let folder = installation.folder.appending(path: "models/\(version)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try ChildProcess.run([
            "\(mlserverEnvironment ?? "")/bin/python", Self.training.path(percentEncoded: false),
            folder.path(percentEncoded: false),
        ])
        try version.write(to: folder.appending(path: "version.txt"), atomically: true, encoding: .utf8)
        return folder
    }

    private func manifest(_ version: String, _ folder: URL) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: biopsy-screen, namespace: test}
        spec:
          model: {version: "\(version)", storageUri: "\(folder.absoluteString)"}
          runtime: {name: mlserver}
          rollout:
            steps: [{setWeight: 50}, {setWeight: 100}]
            gates:
            - name: errors
              compare: {metric: errors}
        """
    }

    @Test("a second version of a scikit-learn model is judged and promoted under load, with no failed request")
    func promotes() async throws {
        let bin = "\(mlserverEnvironment ?? "")/bin"
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let environment = ["PATH": "\(bin):\(Installation.builtFolder):\(path)"]
        try await withInstallation(environment: environment) { installation in
            try installation.commit(["biopsy.yaml": manifest("1", try train(installation, "1"))])
            try await installation.start()
            let first = try await installation.wait("biopsy-screen", for: "version 1 serves") { $0.phase == .healthy }
            let load = SteadyLoad(ratePerSecond: 150)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let endpoint = try #require(first.endpoint)
                group.addTask {
                    try await load.run(against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
                }
                defer { group.cancelAll() }
                try installation.commit(["biopsy.yaml": manifest("2", try train(installation, "2"))])
                try await installation.sync()
                try await installation.wait("biopsy-screen", for: "version 2 is promoted") {
                    $0.phase == .healthy && $0.stable?.version == "2"
                }
            }
            #expect(load.broken + load.errors == 0, "\(load.reasons) \(load.byRevision)")
            #expect(load.byRevision.count == 2)
        }
    }
}

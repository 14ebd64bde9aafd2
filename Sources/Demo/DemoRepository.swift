import Foundation
import Subprocess

/// The git repository of the demo, with the manifests that an ML engineer would commit.
struct DemoRepository {
    let folder: URL
    let models: URL

    /// Creates the repository, and writes the model files that the commits will refer to.
    func create() async throws {
        for (version, text) in [("1", DemoFleet.modelV1), ("2", DemoFleet.modelV2), ("3", DemoFleet.modelV3)] {
            let model = models.appending(path: "v\(version)")
            try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
            try text.write(to: model.appending(path: "model.json"), atomically: true, encoding: .utf8)
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await git("init", "--quiet", "--initial-branch=main")
    }

    /// - Returns: the commit's id.
    func commit(version: String) async throws -> String {
        try manifest(version: version).write(
            to: folder.appending(path: "\(DemoFleet.modelName).yaml"), atomically: true, encoding: .utf8)
        try await git("add", "--all")
        try await git("commit", "--quiet", "--message", "\(DemoFleet.modelName): version \(version)")
        return try await git("rev-parse", "HEAD")
    }

    func manifest(version: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(DemoFleet.modelName), namespace: demo}
        spec:
          model:
            version: "\(version)"
            storageUri: \(models.appending(path: "v\(version)").absoluteString)
          runtime: {name: mlctl}
          replicas: 1
          rollout:
            steps:
            - setWeight: 10
            - pause: {duration: 3s}
            - setWeight: 50
            - setWeight: 100
            gates:
            - name: errors
              compare: {metric: errors, maxRelativeIncrease: 0.10, minSamples: 200}
            - name: rejected
              compare: {metric: rejected, maxRelativeIncrease: 0.10, minSamples: 200}
            - name: slow
              threshold: {metric: latencyP99, max: 0.5, interval: 2s, minSamples: 50, failureLimit: 2}

        """
    }

    @discardableResult
    private func git(_ arguments: String...) async throws -> String {
        let identity = ["-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"]
        let result = try await run(
            .name("git"), arguments: Arguments(["-C", folder.path(percentEncoded: false)] + identity + arguments),
            output: .string(limit: 65536), error: .string(limit: 65536))
        guard result.terminationStatus.isSuccess else {
            throw DemoError("git \(arguments.first ?? "") failed: \(result.standardError)")
        }
        return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

package struct DemoError: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}

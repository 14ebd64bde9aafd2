import Commands
import Demo
import Foundation
import TestSupport
import Testing

@Suite(
    "Models from stores", .serialized, .enabled(if: MotoServer.isAvailable, "moto is not installed: `make deps-stores`")
)
struct StoreTests {
    @Test("a model in S3 serves through the proxy, and its archive after it; no key is in a log or a status")
    func bucket() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "moto-\(UUID().uuidString.prefix(8))")
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = folder.appending(path: "models/biopsy/v1")
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        try DemoFleet.modelV1.write(to: files.appending(path: "model.json"), atomically: true, encoding: .utf8)
        try ChildProcess.run([
            "tar", "-czf", folder.appending(path: "models/biopsy.tar.gz").path, "-C", files.path, "model.json",
        ])
        let server = try MotoServer(folder)
        try await withInstallation(environment: server.environment) { installation in
            let name = DemoFleet.modelName
            func manifest(_ version: String, _ uri: String) -> String {
                """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: \(name), namespace: test}
                spec:
                  model: {version: "\(version)", storageUri: "\(uri)"}
                  runtime: {name: mlctl}
                  rollout: {steps: [{setWeight: 100}], gates: []}
                """
            }
            try installation.commit(["model.yaml": manifest("1", "s3://models/biopsy/v1")])
            try await installation.start()
            let serving = try await installation.wait(name, for: "version 1 serves") { $0.phase == .healthy }
            let load = SteadyLoad(ratePerSecond: 50)
            let endpoint = try #require(serving.endpoint)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await load.run(against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
                }
                defer { group.cancelAll() }
                try await installation.until("it answers") { load.byRevision.values.contains { $0.requests > 20 } }
            }
            #expect(load.broken + load.errors == 0, "\(load.reasons)")
            try installation.commit(["model.yaml": manifest("2", "s3://models/biopsy.tar.gz")])
            try await installation.sync()
            try await installation.wait(name, for: "the archive serves") {
                $0.phase == .healthy && $0.stable?.version == "2"
            }
            let status = try installation.mlctl("status", name, "-n", "test", "-o", "json")
            for text in [status.output, installation.controllerLog] {
                #expect(!text.contains(server.secret) && !text.contains(server.keyId))
            }
        }
    }
}

import Commands
import Demo
import Foundation
import TestSupport
import Testing

/// The `manifests/examples`, run as a user would run them: version 1 serves, version 2 is committed, and requests continue.
@Suite("The examples", .serialized)
struct ExamplesTests {
    private static let manifests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "manifests")

    /// The example with the demo's models in their folder, and with free ports.
    private func manifest(_ example: String, version: String) throws -> String {
        let file = Self.manifests.appending(path: "examples/\(example).yaml")
        let models = Self.manifests.appending(path: "demo/models").path(percentEncoded: false)
        return try String(contentsOf: file, encoding: .utf8)
            .replacing(
                "model: {storageUri: file:///tmp/models/v2}",
                with: "model: {version: \"\(version)\", storageUri: \"file://\(models)/v2\"}"
            )
            .replacing(#/\{port: \d+\}/#, with: "{}")
    }

    private func name(of example: String) -> [String] {
        example == "depends-on" ? ["encoder", "ranker"] : [example]
    }

    @Test(
        "version 2 is promoted, and no request fails",
        arguments: [
            ["blue-green", "shadow", "drain-then-load", "depends-on"], ["comparing", "distribution", "drift"],
            ["check", "contract", "generate"],
        ])
    func promotes(examples: [String]) async throws {
        try await withInstallation { installation in
            func commit(_ version: String) throws {
                let files = try examples.map { ("\($0).yaml", try manifest($0, version: version)) }
                try installation.commit(Dictionary(uniqueKeysWithValues: files))
            }
            let names = examples.flatMap(name)
            try commit("1")
            try await installation.start()
            var loads: [(String, String, SteadyLoad)] = []
            for name in names {
                let status = try await installation.wait(name, for: "version 1 serves") { $0.phase == .healthy }
                let endpoint = try #require(status.endpoint)
                loads.append((name, endpoint, SteadyLoad(ratePerSecond: 200, workers: 4)))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (_, endpoint, load) in loads {
                    group.addTask {
                        try await load.run(
                            against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
                    }
                }
                defer { group.cancelAll() }
                try commit("2")
                try await installation.sync()
                for name in names {
                    try await installation.wait(name, for: "version 2 is promoted") { status in
                        let isKept = status.phase == .probation && status.candidate?.version == "2"
                        return isKept || (status.stable?.version == "2" && status.phase == .healthy)
                    }
                }
            }
            for (name, _, load) in loads {
                #expect(load.broken + load.errors == 0, "\(name): \(load.reasons) \(load.byRevision)")
                #expect(load.total > 0, "\(name)")
            }
        }
    }

    @Test("recreate never has two instances, and ends with the new version")
    func recreate() async throws {
        try await withInstallation { installation in
            try installation.commit(["recreate.yaml": manifest("recreate", version: "1")])
            try await installation.start()
            try await installation.wait("recreate", for: "version 1 serves") { $0.phase == .healthy }
            try installation.commit(["recreate.yaml": manifest("recreate", version: "2")])
            try await installation.sync()
            let end = try await installation.wait("recreate", for: "version 2 is on probation") {
                $0.phase == .probation
            }
            #expect(end.candidate?.version == "2")
            #expect(end.stable?.ready == 0)
        }
    }
}

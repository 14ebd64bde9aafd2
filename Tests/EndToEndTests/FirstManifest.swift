import Commands
import Demo
import Foundation
import TestSupport
import Testing

/// The first manifest in the README, as readers copy it.
enum FirstManifest {
    private static var written: String {
        get throws {
            let readme = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "README.md")
            let text = try String(contentsOf: readme, encoding: .utf8)
            let block = try #require(text.firstMatch(of: /```yaml\n(?<yaml>(?:.|\n)*?)```/))
            return String(block.output.yaml)
        }
    }

    /// With another model, and with the parts that depend on the machine.
    private static func manifest(
        _ version: String, _ folder: URL, runtime: String, comparing path: String
    ) throws -> String {
        let changes: [(from: String, to: String)] = [
            ("name: fraud-scorer, namespace: payments", "name: \(DemoFleet.modelName), namespace: test"),
            (#"version: "2026-11-20""#, #"version: "\#(version)""#),
            ("file:///srv/models/fraud/2026-11-20", folder.absoluteString), ("endpoint: {port: 9000}", "endpoint: {}"),
            ("{name: mlserver}", "{name: \(runtime)}"), ("{path: outputs}", #"{path: "\#(path)"}"#),
        ]
        return try changes.reduce(into: written) { text, change in
            try #require(text.contains(change.from), "\(change.from) is not in README's first manifest")
            text = text.replacing(change.from, with: change.to)
        }
    }

    /// Version 1 serves. A version that answers as fast and without errors, but wrongly, is rolled back while all of its answers
    /// are still discarded.
    static func takesOut(
        _ installation: Installation, version: String, first: URL, second: URL, runtime: String, comparing path: String
    ) async throws {
        let name = DemoFleet.modelName
        try installation.commit(["model.yaml": manifest("1", first, runtime: runtime, comparing: path)])
        try await installation.start()
        let serving = try await installation.wait(name, for: "version 1 serves") { $0.phase == .healthy }
        let load = SteadyLoad(ratePerSecond: 50)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let endpoint = try #require(serving.endpoint)
            group.addTask {
                try await load.run(against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
            }
            defer { group.cancelAll() }
            let bad = try installation.commit([
                "model.yaml": manifest(version, second, runtime: runtime, comparing: path)
            ])
            try await installation.sync()
            let waited = try installation.mlctl(
                "wait", name, "-n", "test", "--for", "healthy", "--commit", bad, "--timeout", "120s")
            #expect(waited.status == 3, "\(waited.output) \(waited.error)")
        }
        let end = try #require(try await installation.status(name))
        #expect(end.stable?.version == "1")
        #expect(end.quarantined.first?.reason.hasPrefix("gate answers failed: ") == true, "\(end.quarantined)")
        #expect(load.byRevision.count == 1, "no user got its answers: \(load.byRevision)")
        #expect(load.broken + load.errors == 0, "\(load.reasons)")
    }
}

@Suite("Predictions", .serialized)
struct PredictionTests {
    /// Version 1 of the demo's model with other coefficients.
    private func model(_ installation: Installation, _ version: String, _ coefficients: String? = nil) throws -> URL {
        let folder = installation.folder.appending(path: "models/\(version)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var text = DemoFleet.modelV1
        if let coefficients {
            text = text.replacing(/"coefficients":\[\[.*?\]\],"intercepts":\[.*?\]/, with: coefficients)
            try #require(text != DemoFleet.modelV1)
        }
        try text.write(to: folder.appending(path: "model.json"), atomically: true, encoding: .utf8)
        return folder
    }

    /// It uses only the last of ten measurements, which says nothing about the class.
    private static let coinFlip = #""coefficients":[[0,0,0,0,0,0,0,0,0,1000]],"intercepts":[-61.5]"#

    @Test("the README's first manifest rolls back a model that has learnt nothing before any user gets its answers")
    func coinFlip() async throws {
        try await withInstallation { installation in
            try await FirstManifest.takesOut(
                installation, version: "2", first: model(installation, "1"),
                second: model(installation, "2", Self.coinFlip), runtime: "mlctl", comparing: "outputs[1].data")
        }
    }

    @Test("without further configuration, a version with other predictions is reported, and not rolled back")
    func told() async throws {
        try await withInstallation { installation in
            func manifest(_ version: String, _ folder: URL) -> String {
                """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: \(DemoFleet.modelName), namespace: test}
                spec:
                  model: {version: "\(version)", storageUri: "\(folder.absoluteString)"}
                  runtime: {name: mlctl}
                  rollout: {steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}]}
                """
            }
            let name = DemoFleet.modelName
            try installation.commit(["model.yaml": manifest("1", try model(installation, "1"))])
            try await installation.start()
            let serving = try await installation.wait(name, for: "version 1 serves") { $0.phase == .healthy }
            #expect(serving.conditions.contains { $0.type == "PredictionsJudged" && $0.status == "False" })
            let load = SteadyLoad(ratePerSecond: 100)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let endpoint = try #require(serving.endpoint)
                group.addTask {
                    try await load.run(against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
                }
                defer { group.cancelAll() }
                try installation.commit(["model.yaml": manifest("2", try model(installation, "2", Self.coinFlip))])
                try await installation.sync()
                let told = try await installation.wait(name, for: "the shift is reported") {
                    $0.gates.contains { $0.name == "predictions" && $0.verdict == "fail" && $0.warnOnly }
                }
                #expect(told.candidate?.version == "2")
                #expect(told.quarantined == [])
                let events = try installation.mlctl("events", name, "-n", "test")
                #expect(
                    events.output.contains("gate predictions, which only warns, would have failed"),
                    "\(events.output)")
                let explained = try installation.mlctl("explain", name, "-n", "test")
                #expect(explained.output.contains("fail (warnOnly)"), "\(explained.output)")
                #expect(explained.output.contains("no gate acts on predictions"), "\(explained.output)")
                let promoted = try installation.mlctl("promote", name, "-n", "test", "--full")
                #expect(promoted.status == 0, "\(promoted.error)")
                try await installation.wait(name, for: "it is promoted anyway") {
                    $0.phase == .healthy && $0.stable?.version == "2"
                }
            }
        }
    }
}

import Analysis
import Foundation
import Logging
import MetricSources
import ModelManifests
import Rollouts
import Serving
import Synchronization

enum Fixtures {
    static let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func side(
        _ revision: String, version: String = "3", instances: [InstanceObservation] = [],
        metrics: RuntimeMetrics? = nil
    ) -> Inquiry.Side {
        Inquiry.Side(
            revision: Revision(rawValue: revision), version: version, instances: instances, metrics: metrics)
    }

    static func instance(_ id: String, of revision: String, at address: String, port: String = "")
        -> InstanceObservation
    {
        InstanceObservation(
            id: id, revision: Revision(rawValue: revision), condition: .ready, restarts: 2, addresses: [port: address])
    }

    static func inquiry(
        _ question: Inquiry.Question, stable: Inquiry.Side? = side("aaaaaaaaaa", version: "2"),
        candidate: Inquiry.Side = side("bbbbbbbbbb")
    ) -> Inquiry {
        Inquiry(id: "gate/1", deployment: fraud, question: question, stable: stable, candidate: candidate)
    }

    /// The settings file is YAML, of which JSON is a subset.
    static func settings(_ json: String) throws -> SourceSettings {
        try JSONDecoder().decode(SourceSettings.self, from: Data(json.utf8))
    }
}

/// A program that a test needs has ended before it was ready.
struct NotStarted: Error {}

/// A temporary file of a test, which is removed with it.
final class TemporaryFile: Sendable {
    let path: String

    init(_ text: String) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "source-\(UUID().uuidString)").path(
            percentEncoded: false)
        try write(text)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path), options: .atomic) }
}

import Foundation

/// Files of the repository that the tests read in place.
enum DemoFiles {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func model(_ version: String) -> String {
        root.appending(path: "manifests/demo/models/\(version)/model.json").path
    }

    static func fixture(_ name: String) -> URL {
        root.appending(path: "Tests/InferenceServerTests/Fixtures/\(name)")
    }

    /// The demo's load: one inference request per line.
    static func requests() throws -> [String] { try lines(of: "manifests/demo/requests.jsonl") }

    static func warmup(_ version: String) throws -> [String] {
        try lines(of: "manifests/demo/models/\(version)/warmup.jsonl")
    }

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func lines(of path: String) throws -> [String] {
        try text(of: path).split(separator: "\n").map(String.init)
    }
}

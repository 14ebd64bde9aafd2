import Analysis
import ArgumentParser
import Foundation
import ModelManifests
import SafeText

/// `mlctl replay`: evaluates a manifest's gates over recorded metrics.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Evaluate a manifest's gates over recorded metrics, and print each verdict.",
        discussion: """
            Reads one JSON object per line: cumulative counters of stable and candidate at time t in seconds, in order of \
            t within each stream. Writes one object per line for each stream and gate: when it failed, or when it passed, \
            or insufficient.

            Examples:
              mlctl replay --manifest model.yaml --data metrics.jsonl
              zcat metrics.jsonl.gz | mlctl replay --manifest model.yaml --data -

            A line of the data:
              {"stream": "a", "t": 10, "stable": {"requests": 950, "errors": 9}, "candidate": {"requests": 50, "errors": 3}}
            """)

    @Option(help: "The manifest with the gates.") var manifest: String
    @Option(help: "The recorded metrics, one JSON object per line; - reads standard input.") var data: String

    func run() throws {
        let deployment = try Self.deployment(in: manifest)
        guard data == "-" || FileManager.default.isReadableFile(atPath: data), let input = LineReader(path: data) else {
            throw ValidationError("\(data) cannot be read")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for verdict in try Replay.run(rollout: deployment.rollout, lines: input) {
            print(Escape.jsonDocument(String(decoding: try encoder.encode(verdict), as: UTF8.self)))
        }
    }

    /// The objects that the manifest refers to may be in other files of its folder, as in git.
    static func deployment(in path: String) throws -> ModelDeployment {
        let files = try ManifestFiles.read([path]).map(\.parsed)
        var desired = DesiredState.resolve(files: files)
        if !desired.diagnostics.isEmpty, files.count == 1 {
            desired = DesiredState.resolve(files: files + ManifestFiles.references(beside: path))
        }
        let problems = desired.diagnostics.filter { problem in files.contains { $0.file == problem.file } }
        guard problems.isEmpty else {
            let text = problems.sorted().map(\.description).joined(separator: "\n")
            throw ValidationError("the manifest is invalid:\n\(text)")
        }
        guard let deployment = desired.deployments.values.first, desired.deployments.count == 1 else {
            throw ValidationError(
                "\(path) contains \(desired.deployments.count) ModelDeployments; replay needs exactly one")
        }
        return deployment
    }
}

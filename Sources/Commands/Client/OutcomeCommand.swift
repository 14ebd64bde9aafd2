import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import Presentation

struct OutcomeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outcome", abstract: "Report outcomes of answers that are known later (delayed ground truth).",
        discussion: """
            Every answer has its request id in the header x-mlctl-request-id. Report later what was right: \
            'outcome' gates and A/B goals compare the revisions by it. Each label counts once per request.

            A line of the file: {"requestId": "…", "correct": 1, "cost": 2.5}. Exits 1 if an outcome was refused.

            Examples:
              mlctl outcome 3f1c9a7e02-6920…-9a7e… correct=1
              mlctl outcome 3f1c9a7e02-6920…-9a7e… correct=false cost=2.5
              mlctl outcome --file outcomes.jsonl
              zcat outcomes.jsonl.gz | mlctl outcome --file -
            """)

    @Argument(help: ArgumentHelp("The request's id.", valueName: "request-id"))
    var requestId: String?

    @Argument(help: ArgumentHelp("The outcome: LABEL=NUMBER or LABEL=true.", valueName: "label=value"))
    var labels: [String] = []

    @Option(
        help: ArgumentHelp(
            "A file with many outcomes, one JSON object per line; - reads standard input.", valueName: "file"))
    var file: String?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if file != nil, requestId != nil { throw ValidationError("give either a request id or --file, not both") }
        if file == nil {
            guard requestId != nil else { throw ValidationError("give a request id and label=value, or --file") }
            guard !labels.isEmpty else { throw ValidationError("add an outcome, such as correct=1") }
            _ = try values
        }
    }

    private var values: [String: Double] {
        get throws { try Dictionary(labels.map(Self.value)) { _, last in last } }
    }

    static func value(_ text: String) throws -> (String, Double) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let words = ["true": 1.0, "false": 0.0]
        guard parts.count == 2, !parts[0].isEmpty, let value = words[parts[1]] ?? Double(parts[1]), value.isFinite
        else {
            throw ValidationError("'\(text)' is not label=value, such as correct=1 or correct=true")
        }
        return (parts[0], value)
    }

    func run() async throws {
        let client = try server.client()
        var receipt = OutcomeReceipt()
        for batch in try batches() { receipt = receipt + (try await client.report(outcomes: batch)) }
        try Console.standard.print([
            "\(receipt.accepted) accepted, \(receipt.repeated) already known, \(receipt.refused) refused"
        ])
        guard receipt.refused > 0 else { return }
        let reasons = receipt.refusals.map { refusal in
            [refusal.requestId, refusal.label].filter { !$0.isEmpty }.joined(separator: " ") + ": \(refusal.reason)"
        }
        throw CommandFailure(.failed, reasons.joined(separator: "\n").printableLines)
    }

    private func batches() throws -> AnySequence<String> {
        guard let file else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let rest = try labels.map(Self.value)
            let lines = try rest.map { label, value in
                try encoder.encode(OutcomeLine(requestId: requestId ?? "", label: label, value: value))
            }
            return AnySequence([lines.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")])
        }
        guard file == "-" || FileManager.default.isReadableFile(atPath: file), let input = LineReader(path: file) else {
            throw ValidationError("\(file) cannot be read")
        }
        return AnySequence(LineGroups(lines: input))
    }
}

private struct OutcomeLine: Encodable {
    var requestId: String
    var label: String
    var value: Double
}

/// Groups lines into batches that fit into one request.
struct LineGroups<Lines: Sequence<String>>: Sequence, IteratorProtocol {
    /// A line can have several labels, and each counts as an outcome.
    static var lineLimit: Int { APILimits.outcomes / OutcomeLimits.labels }
    static var byteLimit: Int { APILimits.outcomeBytes / 2 }

    private var lines: Lines.Iterator

    init(lines: Lines) { self.lines = lines.makeIterator() }

    mutating func next() -> String? {
        var batch: [String] = []
        var bytes = 0
        while batch.count < Self.lineLimit, bytes < Self.byteLimit, let line = lines.next() {
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            batch.append(line)
            bytes += line.utf8.count + 1
        }
        return batch.isEmpty ? nil : batch.joined(separator: "\n")
    }
}

extension String {
    /// Keeps line breaks, and escapes everything else that a terminal would act on.
    fileprivate var printableLines: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }.joined(separator: "\n")
    }
}

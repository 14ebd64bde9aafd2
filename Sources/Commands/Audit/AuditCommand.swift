import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import Presentation

/// `mlctl audit`: the audit trail for others to keep and to check.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Export the audit trail, and verify an export.",
        discussion: """
            Each event of a deployment contains the hash of the one before, so none can be changed or taken out unnoticed. Whoever can \
            write to the journal can make a new chain: keep exports elsewhere, and verify a later one against an earlier one.

            Examples:
              mlctl audit export > 2026-11.jsonl
              mlctl audit verify 2026-11.jsonl
              mlctl audit verify 2026-12.jsonl --earlier 2026-11.jsonl
            """,
        subcommands: [AuditExportCommand.self, AuditVerifyCommand.self])
}

struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write all events that are kept, one JSON object a line.",
        discussion: """
            Needs a token that may see all deployments, or the controller's own user.

            Example: mlctl audit export > audit.jsonl
            """)

    @Option(help: ArgumentHelp("Only events after this id.", valueName: "id")) var after = 0
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client()
        let console = Console.standard
        var chain = AuditChain()
        var position = after
        while true {
            let entries = try await client.auditEntries(after: position, limit: APILimits.events)
            guard let last = entries.last else { break }
            guard last.id > position else {
                throw CommandFailure(
                    .failed, "the controller sends the same entries again; export with --after \(position)")
            }
            for entry in entries {
                chain.add(entry)
                try console.write(String(decoding: try APICoding.encode(entry), as: UTF8.self) + "\n")
            }
            position = last.id
        }
        guard chain.count > 0 else { return console.note("no events after \(after)") }
        let text = AuditText(chain: chain)
        console.note(text.lines[0])
        for line in text.lines.dropFirst() where !text.isFine { console.note(line) }
        guard text.isFine else { throw ExitCode.failure }
    }
}

struct AuditVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that no event of an export was changed or taken out.",
        discussion: """
            Needs no controller. Exits 1 if something was changed.

            Examples:
              mlctl audit verify audit.jsonl
              mlctl audit verify new.jsonl --earlier old.jsonl     # the new one must continue the old one
            """)

    @Argument(help: "The export; - reads standard input.") var file: String
    @Option(help: ArgumentHelp("An earlier export of the same controller.", valueName: "file")) var earlier: String?

    func run() async throws {
        let (chain, entries) = try Self.read(file)
        var rewritten: [AuditChain.Problem] = []
        var count: Int?
        if let earlier {
            let (old, before) = try Self.read(earlier)
            guard old.problems.isEmpty else {
                throw CommandFailure(.failed, "the earlier export is itself broken: \(old.problems[0].text)")
            }
            rewritten = AuditChain.rewritten(before, in: entries)
            count = old.count
        }
        let text = AuditText(chain: chain, rewritten: rewritten, earlier: count)
        try Console.standard.print(text.lines)
        guard text.isFine else { throw ExitCode.failure }
    }

    private static func read(_ path: String) throws -> (AuditChain, [AuditEntry]) {
        guard let lines = LineReader(path: path) else {
            throw CommandFailure(.failed, "\(path) cannot be read; give an export of 'mlctl audit export'")
        }
        var chain = AuditChain()
        var entries: [AuditEntry] = []
        for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
            // Written as 'export' writes it, to the letter: with a second or another field, people would read something else than
            // what is verified here.
            guard let entry = try? APICoding.decode(AuditEntry.self, from: Data(line.utf8)),
                try APICoding.encode(entry) == Data(line.utf8)
            else {
                throw CommandFailure(
                    .failed,
                    "\(path):\(index + 1): this is no line as 'mlctl audit export' writes it: somebody changed it")
            }
            chain.add(entry)
            entries.append(entry)
        }
        return (chain, entries)
    }
}

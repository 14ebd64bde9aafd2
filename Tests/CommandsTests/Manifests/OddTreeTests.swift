import ControlPorts
@testable import Controller
import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Commands

/// Odd trees in real repositories, read by `validate`, `plan` and the controller.
@Suite("Odd trees")
struct OddTreeTests {
    private static let keys = ["a", "b", "c"].map { DeploymentKey(namespace: "odd", name: $0) }

    @Test("what cannot be seen is held, and nothing else is", arguments: OddTree.all, [false, true])
    func fates(tree: OddTree, afterRestart: Bool) async throws {
        let repository = try OddRepository()
        try OddTree.prepare(repository)
        try repository.commit()
        var reader = try repository.reader(path: tree.path)
        var ledger = ManifestLedger()
        let first = try await reader.fetch()
        _ = ledger.absorb(
            first, parsed: try await ledger.parseNew(in: first), known: Set(Self.keys), allowsEmpty: false)
        try tree.change(repository)
        try repository.commit()
        if afterRestart {
            reader = try repository.reader(path: tree.path)
            ledger = ManifestLedger()
            let last = try #require(try await reader.lastRead())
            #expect(last.commit == first.commit)
            ledger.recall(last, parsed: try await ledger.parseNew(in: last), by: .open)
        }
        let next = try await reader.fetch()
        _ = ledger.absorb(
            next, parsed: try await ledger.parseNew(in: next), known: Set(Self.keys), allowsEmpty: false)
        let fates = Self.keys.map { key -> OddTree.Fate in
            switch ledger.wish(for: key) {
            case .manifest: .wanted
            case .held: .held
            case .removed: .removed
            }
        }
        #expect(fates == tree.fates)
        if let reason = tree.reason {
            let said = Self.keys.filter { ledger.wish(for: $0) == .held }.map { key in
                ledger.absences[key]?.text
                    ?? ledger.diagnostics.first { $0.deployment == key }?.description ?? "nothing"
            }
            #expect(said.allSatisfy { $0.contains(reason) }, "\(said)")
        }
    }

    @Test("validate, plan and the controller read the same tree alike", arguments: OddTree.all)
    func agreement(tree: OddTree) async throws {
        let repository = try OddRepository()
        try OddTree.prepare(repository)
        try repository.commit()
        try tree.change(repository)
        try repository.commit()
        let reader = try repository.reader(path: tree.path)
        let snapshot = try await reader.fetch()
        let committed = DesiredState.resolve(
            files: snapshot.files.sorted { $0.key < $1.key }.map { ManifestReader.read($1, path: $0) })
        guard !snapshot.files.isEmpty, FileManager.default.fileExists(atPath: "\(repository.path)/\(tree.path)") else {
            return
        }
        let executable = "\(Installation.builtFolder)/mlctl"
        let validated = try Self.run([executable, "validate", tree.path, "-o", "json"], in: repository.path)
        let planned = try Self.run([executable, "plan", tree.path, "--offline", "-o", "json"], in: repository.path)
        let report = try #require(try? JSONDecoder().decode(Report.self, from: Data(validated.output.utf8)))
        let wanted = committed.deployments.mapValues { $0.template.revision.rawValue }
        #expect(report.deployments.reduce(into: [:]) { $0[$1.key] = $1.revision } == wanted)
        let errors = report.errors.map { error in
            var own = error
            if own.file.hasPrefix("./") { own.file.removeFirst(2) }
            own.message = own.message.replacing("./", with: "")
            return own
        }
        #expect(errors.sorted() == committed.diagnostics.sorted())
        #expect(report.errors.isEmpty == tree.isValid)
        #expect(validated.status == (report.errors.isEmpty ? 0 : 2))
        #expect(planned.status == validated.status)
        for error in report.errors { #expect(planned.error.contains(error.message)) }
        if report.errors.isEmpty {
            let plans = try JSONDecoder().decode([Plan].self, from: Data(planned.output.utf8))
            #expect(plans.map(\.deployment).sorted() == wanted.keys.sorted())
        }
    }

    private struct Report: Decodable {
        struct Deployment: Decodable {
            var namespace: String
            var name: String
            var revision: String
            var key: DeploymentKey { DeploymentKey(namespace: namespace, name: name) }
        }
        var deployments: [Deployment]
        var errors: [Diagnostic]
    }

    private struct Plan: Decodable { var deployment: DeploymentKey }

    private static func run(_ command: [String], in folder: String) throws -> (
        status: Int32, output: String, error: String
    ) {
        let files = ["out", "err"].map { "\(folder)/../\($0)-\(UUID().uuidString)" }
        let child = try ChildProcess(
            ["sh", "-c", "cd \"$0\" && exec \"$@\"", folder] + command, environment: ["NO_COLOR": "1"],
            output: .files(output: files[0], errors: files[1]))
        let status = try child.wait()
        return (
            status, try String(contentsOfFile: files[0], encoding: .utf8),
            try String(contentsOfFile: files[1], encoding: .utf8)
        )
    }
}

import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Synchronization
import TestSupport
import Testing

@testable import Controller

@Suite("Check commands in records")
struct RecordedChecksTests {
    /// Records what it is asked, and never answers.
    private final class Recorder: Inquirer {
        private let asked = Mutex<[Inquiry.Question]>([])

        var questions: [Inquiry.Question] { asked.withLock(\.self) }

        func answer(_ inquiry: Inquiry) async -> Finding.Answer {
            asked.withLock { $0.append(inquiry.question) }
            try? await Task.sleep(for: .seconds(3600))
            return .failed("cancelled")
        }
    }

    private static let manifest = ControllerTests.manifest(
        "1", rollout: "{steps: [{setWeight: 100}], gates: [{name: eval, check: {command: [evaluate]}}]}")

    private func running(
        _ source: ScriptedSource, _ backend: ScriptedBackend, _ store: InMemoryStateStore, _ inquirer: Recorder,
        _ body: @escaping @Sendable (Controller) async throws -> Void
    ) async throws {
        let site = Site(
            backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(), requestIdKey: { _ in nil })
        try await OneSite.running(source, SiteDirectory(local: site), store, inquirer, body)
    }

    @Test("do not run before git asks for them, and then do")
    func onlyWhatGitSays() async throws {
        let source = ScriptedSource(ControllerTests.Rig.snapshot(["m.yaml": Self.manifest], commit: "c1"))
        let (backend, store) = (ScriptedBackend(), InMemoryStateStore())
        let check = Inquiry.Question.check(CheckGate(command: ["evaluate"]))
        let first = Recorder()
        try await running(source, backend, store, first) { _ in try await OneSite.wait { first.questions == [check] } }

        // The next controller has the record with the check due, and cannot read git.
        await source.fail(with: ControlError(.unavailable, "away"))
        let second = Recorder()
        try await running(source, backend, store, second) { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .preparing }
            let before = await controller.counts.passes
            try await OneSite.wait { await controller.counts.passes > before + 5 }
            #expect(second.questions == [])
            await source.fail(with: nil)
            _ = try await controller.sync()
            try await OneSite.wait { second.questions == [check] }
        }
    }

    @Test("do not run if git asks for another command, or holds the deployment")
    func anotherCommand() async throws {
        let (model, check) = (DeploymentKey(namespace: "test", name: "model"), CheckGate(command: ["evaluate"]))
        var ledger = ManifestLedger()
        func absorb(_ text: String) async throws {
            let snapshot = ControllerTests.Rig.snapshot(["m.yaml": text], commit: "c")
            let parsed = try await ledger.parseNew(in: snapshot)
            _ = ledger.absorb(snapshot, parsed: parsed, known: [model], allowsEmpty: true)
        }
        try await absorb(Self.manifest)
        #expect(ledger.checks == [model: [check]])
        try await absorb(Self.manifest.replacing("setWeight", with: "setWeigth"))
        #expect(ledger.checks == [model: [check]], "a manifest that cannot be read holds what was read before")
        try await absorb(Self.manifest.replacing("[evaluate]", with: "[other]"))
        #expect(ledger.checks == [model: [CheckGate(command: ["other"])]])
        try await absorb(ControllerTests.manifest("1"))
        #expect(ledger.checks == [:])
    }

    @Test("do not run any more once git has removed the deployment")
    func takenOut() async throws {
        var ledger = ManifestLedger()
        func absorb(_ files: [String: String]) async throws {
            let snapshot = ControllerTests.Rig.snapshot(files, commit: "c")
            let parsed = try await ledger.parseNew(in: snapshot)
            _ = ledger.absorb(
                snapshot, parsed: parsed, known: [DeploymentKey(namespace: "test", name: "model")], allowsEmpty: true)
        }
        try await absorb(["m.yaml": Self.manifest])
        #expect(ledger.checks.count == 1)
        try await absorb([:])
        #expect(ledger.checks == [:])
    }
}

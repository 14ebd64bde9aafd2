import Analysis
import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Synchronization
import TestSupport
import Testing

@testable import Controller

@Suite("Checks of what a cluster serves")
struct ClusterCheckTests {
    /// Records what it is asked; answers, unless the command is to hang.
    private final class Runs: SiteCheckRunner {
        private struct Notes {
            var asked: [CheckGate] = []
            var kept: [[String]] = []
        }
        private let notes = Mutex(Notes())

        var asked: [CheckGate] { notes.withLock(\.asked) }
        var kept: [[String]] { notes.withLock(\.kept) }

        func run(_ inquiry: Inquiry, _ check: CheckGate) async -> CheckOutcome {
            notes.withLock { $0.asked.append(check) }
            if check.command == ["hang"] {
                try? await Task.sleep(for: .seconds(3600))
                return CheckOutcome(end: .exited(1))
            }
            return CheckOutcome(end: .exited(0))
        }

        func keep(only wanted: [Inquiry], of deployment: DeploymentKey) {
            notes.withLock { $0.kept.append(wanted.map(\.id)) }
        }
    }

    /// The controller's own inquirer.
    private final class OwnInquirer: Inquirer {
        private let asked = Mutex(0)
        var count: Int { asked.withLock(\.self) }

        func answer(_ inquiry: Inquiry) async -> Finding.Answer {
            asked.withLock { $0 += 1 }
            return .checked(CheckOutcome(end: .exited(0)))
        }
    }

    /// - Parameter command: nil for no check.
    private static func snapshot(
        _ command: String?, _ commit: String, version: String = "1"
    ) -> ManifestSnapshot {
        let gates = command.map { "{name: eval, check: {command: [\($0)]}}" } ?? ""
        let manifest = PassRig.inCluster(
            ControllerTests.manifest(version, rollout: "{steps: [{setWeight: 100}], gates: [\(gates)]}"))
        return ControllerTests.Rig.snapshot(["m.yaml": manifest], commit: commit)
    }

    private func running(
        _ source: ScriptedSource, _ runs: Runs?, _ inquirer: OwnInquirer,
        _ body: @escaping @Sendable (Controller) async throws -> Void
    ) async throws {
        let store = InMemoryStateStore()
        let site = Site(
            backend: ScriptedBackend(), store: store, metrics: NoReadings(), logs: NoLogs(),
            register: InMemoryRegister(), checks: runs)
        try await OneSite.running(source, SiteDirectory(clusters: ["prod": site]), store, inquirer, body)
    }

    @Test("run there, and never on the controller's machine; runs that are over are removed")
    func there() async throws {
        let (runs, own) = (Runs(), OwnInquirer())
        try await running(ScriptedSource(Self.snapshot("evaluate", "c1")), runs, own) { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            try await OneSite.wait { runs.kept.last == [] }
        }
        #expect(runs.asked == [CheckGate(command: ["evaluate"])])
        #expect(runs.kept.contains(["gate:eval/1"]), "while it is asked for it is kept")
        #expect(own.count == 0)
    }

    @Test("decide nothing if nothing can run them, and the controller's machine does not run them")
    func nowhere() async throws {
        let own = OwnInquirer()
        try await running(ScriptedSource(Self.snapshot("evaluate", "c1")), nil, own) { controller in
            try await ControllerTests.wait(controller) { status in
                status?.gates.first?.reason.contains("never checked on the controller's machine") == true
            }
        }
        #expect(own.count == 0)
    }

    @Test("an edited command is run again: the previous run is ended, and its answer does not count")
    func edited() async throws {
        let (runs, own) = (Runs(), OwnInquirer())
        let source = ScriptedSource(Self.snapshot(nil, "c1"))
        try await running(source, runs, own) { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await source.commit(Self.snapshot("hang", "c2", version: "2"))
            _ = try await controller.sync()
            try await OneSite.wait { runs.asked.count == 1 }
            await source.commit(Self.snapshot("evaluate", "c3", version: "2"))
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
        }
        #expect(runs.asked.map(\.command) == [["hang"], ["evaluate"]])
    }
}

import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// Two controllers at one place: the compare-and-swap of the record is what keeps them apart.
@Suite("A lost swap", .timeLimit(.minutes(10)))
struct LostSwapTests {
    private func kinds(_ rig: PassRig) async -> [RolloutEvent.Kind] {
        await rig.store.events(matching: EventFilter(deployment: PassRig.key), limit: 500).map(\.event.kind)
    }

    /// Passes come quickly, so that both sides lose swaps often.
    private func rig(_ version: String = "1", rollout: String = PassRig.judged) -> PassRig {
        var rig = PassRig(["a.yaml": PassRig.manifest(version, rollout: rollout)])
        rig.restingInterval = .milliseconds(20)
        return rig
    }

    @Test("neither carries out nor tells what was decided, and the command is carried out once when it is won")
    func command() async throws {
        let rig = rig()
        try await rig.running { controller in
            _ = try await rig.startCandidate(controller)
            let (plan, told) = (await rig.backend.plans[PassRig.key], await kinds(rig).count)
            let before = await rig.store.conflicts
            await rig.store.contend(true)
            async let answer = controller.act(OperatorCommand(.promote(.init()), actor: "ann"), on: PassRig.key)
            try await rig.wait("swaps are lost") { await rig.store.conflicts > before }
            #expect(await rig.backend.plans[PassRig.key] == plan)
            #expect(await kinds(rig).count == told)
            let shown = await controller.status().deployments.first
            #expect(shown?.candidate?.weight == 50, "it is shown as it was decided last")
            await rig.store.contend(false)
            _ = try await answer
            try await ControllerTests.wait(controller) { $0?.stable?.version == "2" && $0?.phase == .healthy }
            #expect(await kinds(rig).count { $0 == .approved } == 1)
            #expect(await kinds(rig).count { $0 == .promoted } == 2, "that of version 1, and that of version 2")
        }
    }

    @Test("says that another controller writes the record, and what to do; and no more once it is won")
    func told() async throws {
        let rig = rig()
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await rig.store.contend(true)
            await rig.commit(["a.yaml": PassRig.manifest("2")], "c2")
            _ = try? await controller.sync()
            try await ControllerTests.wait(controller) {
                $0?.message.contains("another controller writes the same record") == true
                    && $0?.message.contains("--leader-elect") == true
            }
            await rig.store.contend(false)
            try await ControllerTests.wait(controller) {
                $0?.phase == .paused && $0?.message.contains("another controller") == false
            }
        }
    }

    @Test("a way back is not carried out either: who won may have decided otherwise")
    func retreat() async throws {
        let rig = rig()
        try await rig.running { controller in
            let (_, candidate) = try await rig.startCandidate(controller)
            let before = await rig.store.conflicts
            await rig.store.contend(true)
            async let answer = controller.act(OperatorCommand(.abort, actor: "ann"), on: PassRig.key)
            try await rig.wait("swaps are lost") { await rig.store.conflicts > before }
            #expect(await rig.weights()[candidate] == 50)
            await rig.store.contend(false)
            _ = try await answer
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            #expect(await kinds(rig).count { $0 == .aborted } == 1)
        }
    }

    @Test("a manifest that is taken out stops nothing before the removal is won")
    func removal() async throws {
        let rig = rig()
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.ready == 1 }
            let plan = await rig.backend.plans[PassRig.key]
            let before = await rig.store.conflicts
            await rig.store.contend(true)
            await rig.commit(["b.yaml": PassRig.manifest("1", name: "other")], "c2")
            _ = try? await controller.sync()
            try await rig.wait("swaps are lost") { await rig.store.conflicts > before }
            #expect(await rig.backend.plans[PassRig.key] == plan)
            await rig.store.contend(false)
            try await rig.wait("it is gone") { await rig.backend.plans[PassRig.key] == nil }
        }
    }

    @Test("two controllers over one record: one rollout, each event once, and both end with the same")
    func two() async throws {
        let rollout = "{steps: [{setWeight: 50}, {setWeight: 100}], gates: []}"
        let rig = rig(rollout: rollout)
        let (one, other) = (rig.controller(), rig.controller())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for controller in [one, other] { group.addTask { try await controller.run() } }
            for controller in [one, other] {
                try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "1" }
            }
            for version in 2...6 {
                await rig.commit(["a.yaml": PassRig.manifest("\(version)", rollout: rollout)], "c\(version)")
                async let first = one.sync()
                async let second = other.sync()
                _ = try? await (first, second)
                for controller in [one, other] {
                    try await ControllerTests.wait(controller) {
                        $0?.phase == .healthy && $0?.stable?.version == "\(version)"
                    }
                }
            }
            group.cancelAll()
        }
        let events = await rig.store.events(matching: EventFilter(deployment: PassRig.key), limit: 500).map(\.event)
        for version in 2...6 {
            for kind in [RolloutEvent.Kind.rolloutStarted, .promoting, .promoted] {
                let count = events.count { $0.version == "\(version)" && $0.kind == kind }
                #expect(count == 1, "version \(version): \(kind) \(count) times")
            }
        }
        let swaps = await rig.store.swaps
        #expect(try await rig.store.record(for: PassRig.key)?.version == swaps, "each swap was made once")
    }
}

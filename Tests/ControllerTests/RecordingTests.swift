import ControlPorts
import Controller
import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// Decisions are recorded before they are carried out, except those that only take traffic away from a candidate.
@Suite("Decisions that cannot be recorded", .timeLimit(.minutes(10)))
struct RecordingTests {
    private static let full = ControlError(.unavailable, "no room on the disk")

    /// The whole rollback may have happened unrecorded; then there is no candidate any more.
    private func isBack(_ rig: PassRig, _ stable: Revision, _ candidate: Revision) async -> Bool {
        let weights = await rig.weights()
        return weights[stable] == 100 && weights[candidate] ?? 0 == 0
    }

    private func kinds(_ rig: PassRig) async -> [RolloutEvent.Kind] {
        await rig.store.events(matching: EventFilter(), limit: 100).reversed().map(\.event.kind)
    }

    @Test("a bad candidate loses its traffic anyway, and the decision is recorded with its own time when there is room")
    func badCandidate() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(controller)
            let before = await kinds(rig)
            await rig.store.fail(with: Self.full)
            await rig.counters.makeFailing(candidate)
            // During the rollback or after it: all of it works without a record.
            try await rig.wait("the candidate has no traffic") { await rig.weights()[candidate] ?? 0 == 0 }
            let takenBackAt = Date()
            #expect(await rig.weights()[stable] == 100)
            try await ControllerTests.wait(controller) {
                $0?.phase != .paused && $0?.message.contains("no room on the disk") == true
                    && $0?.message.contains("cannot be recorded") == true
            }
            #expect(await controller.metrics().contains("\nmlctl_unrecorded_deployments 1\n"))
            #expect(await kinds(rig) == before)
            #expect(await rig.notifier.notices.map(\.kind) == [.promoted])

            await rig.store.fail(with: nil)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            try await rig.wait("recorded") { await kinds(rig).contains(.quarantined) }
            let events = await rig.store.events(matching: EventFilter(), limit: 100).map(\.event)
            let failed = try #require(events.first { $0.kind == .gateFailed })
            #expect(failed.at <= takenBackAt)
            #expect(events.count { $0.kind == .rollingBack } == 1)
            #expect(events.contains { $0.kind == .quarantined })
            try await rig.wait("told") { await rig.notifier.notices.map(\.kind) == [.promoted, .rolledBack] }
            #expect(await controller.status().deployments.first?.message.contains("recorded") == false)
        }
    }

    @Test("an unavailable candidate loses its traffic anyway: its time adds up without a record")
    func unavailable() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(
                controller, rollout: "{steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}], unavailableAfter: 2s}")
            await rig.store.fail(with: Self.full)
            await rig.backend.make(candidate, .unready)
            try await rig.wait("the candidate has no traffic") { await isBack(rig, stable, candidate) }
            await rig.store.fail(with: nil)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
        }
    }

    @Test("an abort is carried out and answered")
    func abort() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(controller)
            await rig.store.fail(with: Self.full)
            let status = try await controller.act(OperatorCommand(.abort, actor: "ann"), on: PassRig.key)
            #expect(status.phase == .rollingBack || status.phase == .rolledBack)
            try await rig.wait("the candidate has no traffic") { await isBack(rig, stable, candidate) }
            await rig.store.fail(with: nil)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            try await rig.wait("who asked is recorded") {
                await rig.store.events(matching: EventFilter(), limit: 100).contains { $0.event.actor == "ann" }
            }
        }
    }

    @Test(
        "a decision that advances a rollout is held: its state is not kept, nothing is started, and the command gets the reason"
    )
    func forward() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(controller)
            let before = await kinds(rig)
            await rig.store.fail(with: Self.full)
            let refused = await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.promote(full: true)), on: PassRig.key)
            }
            #expect(refused?.code == .unavailable && refused?.message.contains("no room on the disk") == true)
            #expect(await rig.weights() == [stable: 50, candidate: 50])
            #expect(await controller.status().deployments.first?.phase == .paused)

            await rig.commit(["a.yaml": PassRig.manifest("3")], "c3")
            _ = try await controller.sync()
            #expect(await controller.status().deployments.first?.candidate?.version == "2")
            // Its successor cannot be started, but taking away its traffic needs no record.
            try await rig.wait("the candidate has no traffic") { await isBack(rig, stable, candidate) }
            #expect(await kinds(rig) == before)
            await rig.store.fail(with: nil)
            try await ControllerTests.wait(controller) { $0?.candidate?.version == "3" }
        }
    }

    @Test("a store that hangs counts as refusing, and a write that succeeds late is detected")
    func hangs() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(controller)
            rig.store.swapping.close()
            _ = try await controller.act(OperatorCommand(.abort, actor: "ann"), on: PassRig.key)
            try await rig.wait("the candidate has no traffic") { await isBack(rig, stable, candidate) }
            rig.store.swapping.open()
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            try await rig.wait("recorded") { await kinds(rig).contains(.aborted) }
            #expect(await kinds(rig).count { $0 == .aborted } == 1)
            #expect(await rig.store.conflicts == 0)
        }
    }

    @Test("a decision that was held while its write hung is used once the write has succeeded")
    func heldComesThrough() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            _ = try await rig.startCandidate(controller)
            rig.store.swapping.close()
            await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.suspend, actor: "ann"), on: PassRig.key)
            }
            rig.store.swapping.open()
            try await rig.wait("taken over") {
                guard let record = try await rig.store.record(for: PassRig.key) else { return false }
                return try RolloutRecords.decode(record.state).isSuspended
            }
            await #expect(throws: ControlError.self) {
                for _ in 0..<2 { _ = try await controller.act(OperatorCommand(.suspend), on: PassRig.key) }
            }
            #expect(await kinds(rig).count { $0 == .suspended } == 1)
        }
    }

    @Test("an unreadable record holds its deployment: nothing is decided, overwritten or started")
    func unreadable() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1"), "b.yaml": PassRig.manifest("1", name: "other")])
        try await rig.running { try await ControllerTests.wait($0) { $0?.phase == .healthy } }
        let good = try #require(try await rig.store.record(for: PassRig.key))
        var later = try #require(try JSONSerialization.jsonObject(with: good.state) as? [String: Any])
        later["format"] = RolloutState.currentFormat + 1
        let bytes = try JSONSerialization.data(withJSONObject: later)
        let version = try await rig.store.swap(PassRig.key, expecting: good.version, state: bytes, events: [])
        await rig.commit(["a.yaml": PassRig.manifest("2"), "b.yaml": PassRig.manifest("1", name: "other")], "c2")
        let plan = await rig.backend.plans[PassRig.key]
        var again = rig
        again.restingInterval = .milliseconds(50)
        try await again.running { controller in
            try await ControllerTests.wait(controller) {
                $0?.message.contains("its record cannot be read: it has format") == true
            }
            try await ControllerTests.wait(controller, "other") { $0?.phase == .healthy }
            let refused = await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.retry), on: PassRig.key)
            }
            #expect(refused?.message.contains("Nothing is decided or overwritten") == true)
            #expect(await controller.revisionsInUse() == nil)
            // It stays even if it is removed from git.
            await rig.commit(["b.yaml": PassRig.manifest("1", name: "other")], "c3")
            _ = try await controller.sync()
            #expect(try await rig.store.record(for: PassRig.key) == StateRecord(version: version, state: bytes))
            #expect(await rig.backend.plans[PassRig.key] == plan)
            // Someone restores the record.
            await rig.commit(["a.yaml": PassRig.manifest("1"), "b.yaml": PassRig.manifest("1", name: "other")], "c4")
            try await rig.store.swap(PassRig.key, expecting: version, state: good.state, events: [])
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "1" }
        }
    }

    @Test(
        "a record that its store marks as unusable also holds its deployment, and its problem is shown")
    func doubtful() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { try await ControllerTests.wait($0) { $0?.phase == .healthy } }
        let good = try #require(try await rig.store.record(for: PassRig.key))
        await rig.store.doubt("somebody else wrote it: ask them")
        await rig.commit(["a.yaml": PassRig.manifest("2")], "c2")
        let plan = await rig.backend.plans[PassRig.key]
        var again = rig
        again.restingInterval = .milliseconds(50)
        try await again.running { controller in
            try await ControllerTests.wait(controller) { $0?.message == "somebody else wrote it: ask them" }
            _ = try await controller.sync()
            #expect(try await rig.store.record(for: PassRig.key)?.version == good.version)
            #expect(await rig.backend.plans[PassRig.key] == plan)
            await rig.store.doubt(nil)
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.phase == .paused && $0?.candidate?.version == "2" }
        }
    }

    @Test("a store that cannot be read at the start is retried, and the status says so")
    func storeAwayAtTheStart() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        await rig.store.fail(with: Self.full)
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.message.contains("no room on the disk") == true }
            #expect(await rig.backend.applied == 0)
            await rig.store.fail(with: nil)
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
        }
    }
}

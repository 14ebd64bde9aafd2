import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Phases and steps")
struct AdvancingTests {
    @Test("a first deployment serves without steps or comparing gates")
    func firstDeployment() throws {
        var world = World(seed: 1, deployment: .example("good-1"))
        world.run(limit: 20) { $0.phase == .healthy }
        let state = try #require(world.state)
        #expect(state.phase == .healthy)
        #expect(state.stable?.version == "good-1")
        #expect(world.weights == [state.stable!.revision: 100])
        #expect(!world.events.contains { $0.kind == .stepStarted })
    }

    @Test("a first deployment that cannot serve ends rolled back, with nothing serving")
    func firstDeploymentFails() throws {
        var world = World(seed: 1, deployment: .example("crashing-1"))
        world.run(limit: 40) { $0.phase == .rolledBack }
        let state = try #require(world.state)
        #expect(state.phase == .rolledBack)
        #expect(state.stable == nil)
        #expect(world.plan?.revisions.isEmpty == true)
        #expect(state.quarantined.map(\.version) == ["crashing-1"])
    }

    @Test("a first deployment waits for its approvals before the endpoint opens")
    func firstApproval() throws {
        let rollout = RolloutSpec(steps: [
            RolloutStep(.setWeight(10)), RolloutStep(.approval), RolloutStep(.setWeight(100)),
        ])
        var world = World(seed: 1, deployment: .example("good-1", rollout: rollout))
        world.run(limit: 20) { $0.phase == .paused }
        #expect(world.state?.waitingFor == "approval: 'mlctl promote'")
        #expect(world.weights.values.allSatisfy { $0 == 0 })
        world.command(.promote(full: false))
        world.run(limit: 20) { $0.phase == .healthy }
        #expect(world.state?.phase == .healthy)
    }

    @Test(
        "a good version takes every step, stays below 100 until the gates pass, and keeps its instances when promoted")
    func goodVersion() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        var weights: [Int] = []
        for _ in 0..<400 {
            world.pass()
            let weight = world.state?.rollout?.weight ?? 100
            if weights.last != weight { weights.append(weight) }
            if world.state?.phase == .healthy { break }
            world.passTime()
        }
        #expect(weights == [0, 20, 50, 100])
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.started["good-2"] == 1, "the very instances that were judged are kept")
        #expect(world.events.filter { $0.kind == .gatePassed }.count == 1)
    }

    @Test("a candidate that crashes a few times at the start, and then serves, is evaluated like any other")
    func crashesAtStart() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 5) { $0.phase == .preparing }
        for index in world.instances.indices { world.instances[index].restarts = 2 }
        world.run(limit: 400) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("the start of a phase is the time at which it was entered")
    func phaseSince() {
        var world = World.serving("good-1")
        var rollout = RolloutSpec.twoSteps
        rollout.steps.insert(RolloutStep(.approval), at: 1)
        world.commit(.example("good-2", rollout: rollout))
        for phase in [Phase.preparing, .progressing, .paused] {
            world.run(limit: 20) { $0.phase == phase }
            #expect(world.state?.phase == phase)
            #expect(world.state?.since == world.now)
        }
        let since = world.state?.since
        world.run(limit: 20) { _ in false }
        #expect(world.state?.since == since)
    }

    @Test("a bad version is rolled back by the evidence, quarantined, and not tried again")
    func badVersion() throws {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 200) { $0.phase == .rolledBack }
        let state = try #require(world.state)
        #expect(state.stable?.version == "good-1")
        #expect(state.quarantined.first?.version == "bad-2")
        #expect(world.weights == [state.stable!.revision: 100])
        world.run(limit: 50) { $0.rollout != nil }
        #expect(world.state?.rollout == nil)
        world.command(.retry)
        world.pass()
        #expect(world.state?.rollout?.candidate.version == "bad-2")
    }

    @Test("a candidate that never becomes ready is rolled back at the deadline, and stable continues to serve")
    func neverReady() throws {
        var world = World.serving("good-1")
        var rollout = RolloutSpec.twoSteps
        rollout.progressDeadline = .seconds(10)
        world.commit(.example("stuck-2", rollout: rollout))
        world.run(limit: 60) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(world.state?.message.contains("not ready within 10s") == true)
        #expect(world.state?.stable?.version == "good-1")
    }

    @Test("without traffic nothing passes and nothing fails", arguments: RolloutSpec.InsufficientAction.allCases)
    func noTraffic(action: RolloutSpec.InsufficientAction) throws {
        var world = World.serving("good-1")
        world.requestsPerTick = 0
        var rollout = RolloutSpec.twoSteps
        rollout.progressDeadline = .seconds(20)
        rollout.onInsufficient = action
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 100) { $0.hold == .insufficientEvidence || $0.rollout == nil }
        switch action {
        case .pause:
            #expect(world.state?.phase == .paused)
            #expect(world.state?.waitingFor?.contains("evidence: errors") == true)
            world.requestsPerTick = 40
            world.run(limit: 200) { $0.phase == .healthy }
            #expect(world.state?.stable?.version == "good-2", "it goes on when the evidence comes")
        case .rollback:
            #expect(world.state?.phase == .rolledBack)
        case .promote:
            world.run(limit: 5) { $0.phase == .healthy }
            #expect(world.state?.stable?.version == "good-2")
        }
    }

    @Test("a pause ends by the clock, and its time does not count towards the deadline")
    func pause() throws {
        var world = World.serving("good-1")
        var rollout = RolloutSpec.twoSteps
        rollout.steps.insert(RolloutStep(.pause(.seconds(60))), at: 1)
        rollout.progressDeadline = .seconds(40)
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 20) { $0.phase == .paused }
        let pausedAt = world.now
        world.run(limit: 200) { $0.phase != .paused }
        #expect(world.now.timeIntervalSince(pausedAt) == 60)
        world.run(limit: 200) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("probation keeps the old revision warm with its share, and can still roll back")
    func probation() throws {
        var rollout = RolloutSpec.twoSteps
        rollout.probation = Probation(duration: .seconds(30), holdback: 5)
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 400) { $0.phase == .probation }
        world.pass()
        #expect(world.weights.values.sorted() == [5, 95])
        world.turn("good-2", into: .bad)
        world.run(limit: 100) { $0.phase == .rolledBack }
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.weights.values.sorted() == [100])
    }

    @Test("a probation that passes makes the candidate stable")
    func probationPasses() throws {
        var rollout = RolloutSpec.twoSteps
        rollout.probation = Probation(duration: .seconds(5))
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 400) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.events.contains { $0.kind == .probationEnded })
    }

    @Test("if stable cannot serve, the deployment is Failed, and its recovery is reported")
    func stableFails() throws {
        var world = World.serving("good-1")
        world.turn("good-1", into: .crashing)
        world.run(limit: 40) { $0.phase == .failed }
        #expect(world.state?.phase == .failed)
        world.turn("good-1", into: .good)
        world.run(limit: 40) { $0.phase == .healthy }
        #expect(world.events.map(\.kind).contains(.recovered))
    }

    @Test("if stable has failed, a fixing commit does not wait for gates that have nothing to compare with")
    func fixingCommit() throws {
        var world = World.serving("good-1")
        world.turn("good-1", into: .crashing)
        world.run(limit: 40) { $0.phase == .failed }
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 40) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }
}

import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

/// Every phase ends, and a commit and an abort take effect in each.
@Suite("No phase without an end")
struct PhaseLimitTests {
    private static func draining(_ probation: Probation? = nil) -> RolloutSpec {
        RolloutSpec(
            capacity: .drainThenLoad, steps: [RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))], gates: [],
            progressDeadline: .seconds(30), probation: probation)
    }

    /// Two replicas with `drainThenLoad`: stable has stopped, and the second instance of `good-2` never becomes ready.
    private func stuckPromotion(_ quality: World.Quality = .stuck) -> World {
        var world = World(seed: 1, deployment: .example("good-1", replicas: 2))
        world.run(limit: 30) { $0.phase == .healthy }
        world.commit(.example("good-2", replicas: 2, rollout: Self.draining()))
        world.run(limit: 60) { $0.phase == .progressing }
        world.turned["good-2"] = quality
        world.run(limit: 60) { $0.phase == .promoting }
        world.run(limit: 10) { _ in false }
        precondition(world.state?.phase == .promoting)
        return world
    }

    @Test("a promotion that cannot be finished ends by its limit, and an instance answers all the time")
    func promotionLimit() {
        var world = stuckPromotion()
        for _ in 0..<200 {
            world.pass()
            #expect(world.observe().instances.contains { $0.condition == .ready })
            if world.state?.rollout == nil { break }
            world.passTime()
        }
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.quarantined.map(\.version) == ["good-2"])
        world.run(limit: 40) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(world.mostInstances <= 4)
    }

    @Test("with drainThenLoad, more than one missing instance is a shortage")
    func shortageOfBoth() {
        var world = World(seed: 1, deployment: .example("good-1", replicas: 4))
        world.run(limit: 30) { $0.phase == .healthy }
        var spec = Self.draining()
        spec.steps.insert(RolloutStep(.approval), at: 1)
        world.commit(.example("good-2", replicas: 4, rollout: spec))
        world.run(limit: 60) { $0.phase == .paused }
        #expect(world.state?.shortage == nil, "one has made room")
        let stable = world.state?.stable?.revision
        let ofStable = world.instances.indices.filter { world.instances[$0].revision == stable }
        for index in ofStable.prefix(2) { world.instances[index].quality = .dead }
        world.pass()
        #expect(
            world.state?.shortage?.reason.hasPrefix("2 of 3 instances of both revisions together are ready") == true)
    }

    @Test("a rollback names the instance that still loads, not the traffic")
    func waitOfTheWayBack() {
        var world = stuckPromotion()
        world.turned["good-1"] = .stuck
        world.command(.abort)
        world.run(limit: 6) { _ in false }
        #expect(world.state?.phase == .rollingBack)
        let wait = world.state?.wait(seeing: world.observe())
        #expect(wait?.text.hasPrefix("an instance of version good-1 to be ready") == true)
    }

    @Test("a commit, an abort and the limit work while a promotion hangs and nothing can be recorded")
    func nothingRecorded() {
        var aborted = stuckPromotion()
        aborted.isStoreWritable = false
        aborted.command(.abort)
        aborted.pass()
        #expect(aborted.state?.phase == .rollingBack)
        aborted.run(limit: 60) { $0.rollout == nil }
        #expect(aborted.observe().ready(aborted.state!.stable!.revision) > 0)
        #expect(aborted.weights[aborted.state!.stable!.revision] == 100)
        var waiting = stuckPromotion()
        waiting.isStoreWritable = false
        waiting.run(limit: 200) { $0.rollout == nil }
        #expect(waiting.state?.stable?.version == "good-1" && waiting.state?.rollout == nil)
    }

    @Test("a promotion that the machine delays quarantines nothing")
    func blockedPromotion() {
        var world = stuckPromotion(.blocked)
        world.run(limit: 200) { $0.rollout == nil }
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.quarantined == [])
        #expect(world.state?.postponed != nil)
    }

    @Test(
        "abort and rollback work while a promotion hangs",
        arguments: [OperatorCommand.Verb.abort, .rollback(to: nil, force: false)])
    func commands(verb: OperatorCommand.Verb) {
        var world = stuckPromotion()
        world.command(verb)
        world.pass()
        #expect(world.refusals.isEmpty)
        #expect(world.state?.phase == .rollingBack)
    }

    @Test("a commit takes effect within five seconds while a promotion hangs")
    func commit() {
        var world = stuckPromotion()
        world.commit(.example("good-3", replicas: 2, rollout: Self.draining()))
        world.run(limit: 10) { $0.rollout?.candidate.version == "good-3" }
        #expect(world.state?.rollout?.candidate.version == "good-3")
        world.run(limit: 200) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-3")
    }

    @Test("a restore that never loads gives way to a fixing commit at once, and ends by its limit without one")
    func restore() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        world.turned["good-1"] = .stuck
        world.command(.rollback(to: nil, force: false))
        world.run(limit: 10) { _ in false }
        #expect(world.state?.rollout?.purpose == .restore)
        var alone = world
        alone.run(limit: 4000) { $0.rollout == nil }
        #expect(alone.state?.stable?.version == "good-2", "what serves goes on")
        world.commit(.example("good-3", rollout: .twoSteps))
        world.run(limit: 10) { $0.rollout?.candidate.version == "good-3" }
        #expect(world.state?.rollout?.candidate.version == "good-3")
    }

    @Test("a rollback that the proxy never confirms ends by its limit, and the status says what is missing")
    func rollbackLimit() {
        var world = World.serving("good-1")
        var spec = RolloutSpec.twoSteps
        spec.progressDeadline = .seconds(20)
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 40) { $0.rollout?.weight == 20 }
        world.isProxyStuck = true
        world.command(.abort)
        world.run(limit: 200) { $0.rollout == nil }
        #expect(world.state?.rollout == nil)
        #expect(world.events.contains { $0.kind == .warning })
    }

    @Test("a probation does not pass while the candidate is not available, and it ends")
    func probation() {
        var spec = RolloutSpec(steps: [RolloutStep(.setWeight(100))], gates: [])
        spec.probation = Probation(duration: .seconds(10))
        spec.unavailableAfter = .seconds(20)
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 60) { $0.phase == .probation }
        world.turn("good-2", into: .dead)
        world.run(limit: 200) { $0.rollout == nil }
        #expect(world.state?.stable?.version == "good-1")
    }

    @Test("a commit does not wait for a rollback that the proxy never confirms")
    func commitWhileRollingBack() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 40) { $0.rollout?.weight == 20 }
        world.isProxyStuck = true
        world.command(.abort)
        world.run(limit: 3) { _ in false }
        #expect(world.state?.phase == .rollingBack)
        world.commit(.example("good-3", rollout: .twoSteps))
        world.run(limit: 10) { $0.rollout?.candidate.version == "good-3" }
        #expect(world.state?.rollout?.candidate.version == "good-3")
    }

    @Test("a rollback has its full time, however long the promotion before it took")
    func rollbackAfterPromotion() {
        var world = stuckPromotion()
        world.run(limit: 35) { _ in false }
        world.isProxyStuck = true
        world.command(.abort)
        world.run(limit: 40) { $0.rollout == nil }
        #expect(world.state?.phase == .rollingBack)
        world.run(limit: 30) { $0.rollout == nil }
        #expect(world.state?.rollout == nil)
    }

    @Test("time without observation counts towards a limit for half a minute at most")
    func unseenTime() {
        var spec = RolloutSpec.twoSteps
        spec.progressDeadline = .seconds(60)
        var world = World.serving("good-1")
        world.requestsPerTick = 0
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 20) { _ in false }
        for _ in 0..<400 { world.passTime() }
        world.run(limit: 5) { _ in false }
        #expect(world.state?.hold == nil)
        #expect(world.state?.phase == .progressing)
    }

    @Test("time in which it is suspended counts towards no limit")
    func suspendedTime() {
        var spec = RolloutSpec.twoSteps
        spec.progressDeadline = .seconds(20)
        var world = World.serving("good-1")
        world.commit(.example("stuck-2", rollout: spec))
        world.run(limit: 10) { _ in false }
        world.command(.suspend)
        world.run(limit: 60) { _ in false }
        world.command(.resume)
        world.run(limit: 10) { _ in false }
        #expect(world.state?.phase == .preparing)
        world.run(limit: 60) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
    }

    @Test("a probation whose share is not confirmed waits for that after its limit, and then continues")
    func unconfirmedProbation() {
        var spec = RolloutSpec(
            steps: [RolloutStep(.setWeight(100))], gates: [], progressDeadline: .seconds(20))
        spec.probation = Probation(duration: .seconds(10), holdback: 5)
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 60) { $0.phase == .probation }
        world.isProxyReachable = false
        world.run(limit: 56) { $0.phase != .probation }
        #expect(world.state?.phase == .probation)
        world.run(limit: 10) { $0.hold != nil }
        #expect(world.state?.hold == .trafficUnconfirmed)
        world.isProxyReachable = true
        world.run(limit: 10) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("with onFailure: pause a gate that fails in probation holds, and nothing becomes stable without a person")
    func failureInProbation() {
        var spec = RolloutSpec.twoSteps
        spec.probation = Probation(duration: .seconds(10), holdback: 10)
        spec.onFailure = .pause
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 400) { $0.phase == .probation }
        world.turn("good-2", into: .bad)
        world.run(limit: 100) { $0.phase == .paused }
        #expect(world.state?.phase == .paused)
        world.run(limit: 200) { _ in false }
        #expect(world.state?.stable?.version == "good-1")
        var fixed = world
        fixed.commit(.example("good-3", rollout: spec))
        fixed.pass()
        #expect(fixed.state?.stable?.version == "good-1", "a commit makes nothing stable that fails")
        #expect(fixed.state?.rollout?.candidate.version == "good-3")
        world.command(.promote(full: false))
        world.run(limit: 5) { $0.rollout == nil }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("a commit that asks for a revision that is held back ends a rollout that is no longer asked for")
    func unwanted() {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 200) { $0.phase == .rolledBack }
        world.commit(.example("good-3", rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 10) { $0.phase == .rolledBack }
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.rollout == nil)
    }

    @Test("a bad candidate leaves the traffic although nothing can be recorded")
    func fullDisk() {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        world.isStoreWritable = false
        world.run(limit: 100) { _ in false }
        // It may be completely gone by then.
        #expect(world.weights.filter { $0.value > 0 } == [World.serving("good-1").state!.stable!.revision: 100])
    }

    @Test("it does so although a commit that goes forward comes at the same time")
    func fullDiskAndCommit() {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        world.isStoreWritable = false
        world.commit(.example("good-3", replicas: 2, rollout: .twoSteps))
        world.run(limit: 100) { _ in false }
        #expect(world.weights[ModelDeployment.example("bad-2").template.revision] ?? 0 == 0)
        #expect(world.started["good-3"] == nil, "nothing is started that is not recorded")
        world.isStoreWritable = true
        world.run(limit: 400) { $0.stable?.version == "good-3" }
        #expect(world.state?.stable?.version == "good-3")
    }
}

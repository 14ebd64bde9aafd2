import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// Availability is evidence: nothing advances without it, and a candidate without it fails.
@Suite("Availability")
struct AvailabilityTests {
    static func rollout(_ steps: [RolloutStep], unavailableAfter: Duration = .seconds(10)) -> RolloutSpec {
        var spec = RolloutSpec(steps: steps, gates: [])
        spec.unavailableAfter = unavailableAfter
        return spec
    }

    /// `good-2` with half of the traffic, in a pause of 25 s.
    private func atHalf(_ spec: RolloutSpec? = nil, replicas: Int = 1) -> World {
        var world = World(seed: 1, deployment: .example("good-1", replicas: replicas))
        world.run(limit: 20) { $0.phase == .healthy }
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(.seconds(25))), RolloutStep(.setWeight(100))]
        world.commit(.example("good-2", replicas: replicas, rollout: spec ?? Self.rollout(steps)))
        world.run(limit: 30) { $0.phase == .paused }
        return world
    }

    @Test("a candidate whose readiness fails for good in a pause is never promoted: it is held, then rolled back")
    func neverPromotedWhileNotReady() {
        var world = atHalf()
        world.turn("good-2", into: .dead)
        world.run(limit: 200) { $0.phase == .promoting || $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.quarantined.first?.reason.hasPrefix("not available for 10s of the last 2m") == true)
        #expect(!world.events.contains { $0.kind == .promoting && $0.version == "good-2" })
    }

    @Test("a candidate that is ready only once is rolled back like one that was ready for a long time")
    func readyOnce() {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: Self.rollout(steps)))
        world.run(limit: 20) { $0.rollout?.hasBegunSteps == true }
        world.turn("good-2", into: .dead)
        world.run(limit: 30) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(world.state?.quarantined.first?.reason.hasPrefix("not available for 10s of the last 2m") == true)
    }

    @Test("a pause that is over ends only when all instances are ready, and its deadline runs until then")
    func heldUntilReady() {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(.seconds(25))), RolloutStep(.setWeight(100))]
        var world = atHalf(Self.rollout(steps, unavailableAfter: .seconds(110)))
        world.turn("good-2", into: .dead)
        world.run(limit: 80) { _ in false }
        #expect(world.state?.phase == .progressing, "it waits for no clock any more")
        #expect(world.state?.rollout?.weight == 50)
        #expect(
            world.state?.wait(seeing: world.observe())?.cause == "0 of 1 instances of version good-2 are ready")
        world.turn("good-2", into: .good)
        world.run(limit: 10) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("repeated short unreadiness adds up, within the window only")
    func repeated() {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var flapping = atHalf(Self.rollout(steps, unavailableAfter: .seconds(30)))
        flapping.turn("good-2", into: .flapping)
        flapping.run(limit: 400) { $0.phase == .rolledBack }
        #expect(flapping.state?.phase == .rolledBack, "25 ticks of 50 are more than 30 s of 2 minutes")
        var once = atHalf(Self.rollout(steps, unavailableAfter: .seconds(30)))
        for _ in 0..<5 {
            once.turn("good-2", into: .dead)
            once.run(limit: 20) { _ in false }
            once.turn("good-2", into: .good)
            once.run(limit: 220) { _ in false }
        }
        #expect(once.state?.phase == .paused, "10 s every 2 minutes are none too many")
    }

    @Test("time without observation does not count against a candidate")
    func unseen() {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var world = atHalf(Self.rollout(steps, unavailableAfter: .seconds(20)))
        world.turn("good-2", into: .dead)
        world.run(limit: 10) { _ in false }
        for _ in 0..<400 { world.passTime() }
        world.turn("good-2", into: .good)
        world.pass()
        #expect(world.state?.phase == .paused)
    }

    @Test("one unready instance of two is too few")
    func allReplicas() {
        var world = atHalf(replicas: 2)
        let last = world.instances.indices.last {
            world.instances[$0].revision == world.state?.rollout?.candidate.revision
        }
        if let last { world.instances[last].quality = .dead }
        world.run(limit: 60) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(world.state?.quarantined.first?.reason.contains("1 of 2 instances ready now") == true)
    }

    @Test("more replicas during a rollout are no failure of the candidate while they load")
    func scaledUp() {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        let spec = Self.rollout(steps, unavailableAfter: .seconds(1))
        var world = atHalf(spec)
        world.commit(.example("good-2", replicas: 3, rollout: spec))
        world.run(limit: 3) { _ in false }
        #expect(world.state?.phase == .paused)
        world.run(limit: 30) { _ in false }
        #expect(world.state?.phase == .paused)
        #expect(world.observe().ready(world.state!.rollout!.candidate.revision) == 3)
    }

    @Test(
        "more replicas that never load fail it in the end, also while it waits for a person", arguments: [false, true])
    func neverScaledUp(isHeld: Bool) {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.approval), RolloutStep(.setWeight(100))]
        var spec = Self.rollout(steps, unavailableAfter: .seconds(5))
        spec.progressDeadline = .seconds(20)
        var world = atHalf(spec)
        world.run(limit: 20) { $0.phase == .paused }
        if isHeld {
            world.command(.pause)
            world.pass()
        }
        world.turned["good-2"] = .stuck
        world.commit(.example("good-2", replicas: 3, rollout: spec))
        world.run(limit: 30) { _ in false }
        #expect(world.state?.phase == .paused)
        let wait = world.state?.wait(seeing: world.observe())
        #expect(wait?.text.contains("1 of 3 instances") == true && wait?.endsAt != nil)
        #expect(wait?.text.contains("'mlctl resume'") == isHeld)
        world.run(limit: 40) { $0.rollout == nil }
        #expect(world.state?.phase == .rolledBack)
        #expect(world.state?.quarantined.first?.reason.contains("1 of 3 instances ready now") == true)
    }

    @Test("a share that the proxy does not confirm holds the step, which then waits for the proxy, not for data")
    func unconfirmedShare() {
        var spec = Self.rollout([RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(20)
        spec.onInsufficient = .promote
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 4) { $0.phase == .progressing }
        world.isProxyStuck = true
        world.run(limit: 100) { $0.phase == .paused }
        #expect(world.state?.hold == .trafficUnconfirmed)
        #expect(world.events.last?.kind == .stuck)
        world.isProxyStuck = false
        world.run(limit: 20) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        #expect(world.state?.stable?.version == "good-2", "it goes on by itself")
    }

    @Test("requests that were meant for a candidate that was not ready count against it")
    func unavailableRequests() throws {
        let gate = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var spec = Self.rollout(steps, unavailableAfter: .seconds(3600))
        spec.gates = [gate]
        var world = atHalf(spec)
        world.turn("good-2", into: .dead)
        world.run(limit: 60) { $0.phase == .rolledBack }
        #expect(world.state?.quarantined.first?.reason.hasPrefix("gate errors failed") == true)
    }

    @Test("ready instances that the data plane does not know yet do not count against the model")
    func unknownInstances() {
        let gate = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var spec = Self.rollout(steps)
        spec.gates = [gate]
        var world = atHalf(spec)
        let candidate = ModelDeployment.example("good-2").template.revision
        for _ in 0..<60 {
            world.unavailable[candidate, default: 0] += 10
            world.pass()
            world.passTime()
        }
        #expect(world.state?.phase == .paused)
        #expect(world.state?.quarantined == [])
    }

    @Test("at the deadline an unconfirmed share of a step is waited for, whatever onInsufficient says")
    func unconfirmedAtDeadline() {
        var spec = Self.rollout([RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(20)
        spec.onInsufficient = .promote
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 2) { $0.phase == .preparing }
        world.isProxyStuck = true
        world.run(limit: 60) { $0.hold != nil }
        #expect(world.state?.hold == .trafficUnconfirmed)
        #expect(world.state?.rollout?.weight == 50)
    }

    @Test(
        "a step does not end while the data plane confirms nothing, whether it answers or not",
        arguments: [RolloutStep.Action.setWeight(50), .mirror(50)], [\World.isProxyStuck, \.isProxyAway])
    func unconfirmedStep(action: RolloutStep.Action, trouble: WritableKeyPath<World, Bool> & Sendable) {
        let steps = [RolloutStep(action), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: Self.rollout(steps)))
        world.run(limit: 2) { $0.phase == .preparing }
        world[keyPath: trouble] = true
        world.run(limit: 30) { _ in false }
        #expect(world.state?.rollout?.stepping?.current?.step.action == action)
        world[keyPath: trouble] = false
        world.run(limit: 5) { $0.phase == .paused }
        #expect(world.state?.phase == .paused)
    }

    @Test("with onFailure: pause it waits for a person, who may force it")
    func paused() {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var spec = Self.rollout(steps)
        spec.onFailure = .pause
        var world = atHalf(spec)
        world.turn("good-2", into: .dead)
        world.run(limit: 60) { $0.hold != nil }
        #expect(world.state?.wait(seeing: nil)?.needsPerson == true)
        world.command(.promote(.init(isFull: true)))
        world.pass()
        // Even by force, traffic cannot go to where no instance accepts it.
        #expect(world.refusals.last?.reason.contains("no instance of the candidate is ready") == true)
        world.command(.promote(.init(isFull: true, isForced: true)))
        world.pass()
        #expect(world.refusals.last?.reason.contains("no instance of the candidate is ready") == true)
        #expect(world.state?.rollout?.weight == 50)
    }

    @Test("a person may promote by force with only some instances ready; the others still count as missing")
    func forced() {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var spec = Self.rollout(steps)
        spec.onFailure = .pause
        var world = World.serving("good-1")
        var two = ModelDeployment.example("good-2", rollout: spec)
        two.replicas = 2
        world.commit(two)
        world.run(limit: 60) { $0.phase == .paused }
        let last = world.instances.lastIndex { $0.revision == two.template.revision }
        if let last { world.instances[last].quality = .dead }
        world.run(limit: 60) { $0.hold != nil }
        world.command(.promote(.init(isFull: true)))
        world.pass()
        #expect(world.refusals.last?.reason.contains("'--force'") == true)
        world.command(.promote(.init(isFull: true, isForced: true)))
        world.run(limit: 10) { $0.rollout == nil }
        #expect(world.state?.stable?.version == "good-2")
        world.run(limit: 4) { _ in false }
        #expect(world.state?.phase == .degraded)
    }

    @Test("the wait names a missing instance, whatever the step is, and when the wait ends")
    func missingInstanceComesFirst() {
        for action in [RolloutStep.Action.approval, .pause(nil), .pause(.seconds(600))] {
            let steps = [RolloutStep(.setWeight(50)), RolloutStep(action), RolloutStep(.setWeight(100))]
            var world = atHalf(Self.rollout(steps))
            world.run(limit: 10) { $0.phase == .paused }
            world.turn("good-2", into: .dead)
            world.run(limit: 4) { _ in false }
            let wait = world.state?.wait(seeing: world.observe())
            #expect(wait?.cause == "0 of 1 instances of version good-2 are ready")
            #expect(wait?.needsPerson == false)
            let endsAt = wait?.endsAt
            world.run(limit: 60) { $0.phase == .rolledBack }
            #expect(endsAt.map { abs($0.timeIntervalSince(world.now)) <= 2 } == true)
        }
    }

    @Test(
        "a problem of the machine quarantines nothing: the candidate is tried again, and starts when the problem is solved"
    )
    func machine() throws {
        var spec = Self.rollout([RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.commit(.example("blocked-2", rollout: spec))
        world.run(limit: 60) { $0.phase == .rolledBack }
        let state = try #require(world.state)
        #expect(state.phase == .rolledBack)
        #expect(state.quarantined == [])
        #expect(state.postponed?.attempts == 1)
        #expect(state.wait(seeing: nil)?.endsAt == state.postponed?.until)
        world.isMachineInTheWay = false
        world.run(limit: 300) { $0.stable?.version == "blocked-2" }
        #expect(world.state?.stable?.version == "blocked-2")
        #expect(world.state?.postponed == nil)
    }

    @Test("after a problem of the machine the candidate is tried again after 1, 2, 4 and 8, and then every 15 minutes")
    func backOff() throws {
        var spec = Self.rollout([RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.commit(.example("blocked-2", rollout: spec))
        var delays: [TimeInterval] = []
        for _ in 0..<6 {
            world.run(limit: 60) { $0.phase == .rolledBack }
            let until = try #require(world.state?.postponed?.until)
            let endedAt = try #require(world.events.last { $0.kind == .rollingBack }?.at)
            delays.append(until.timeIntervalSince(endedAt))
            world.now = until.addingTimeInterval(-1)
            #expect(world.pass()?.lookAgainAt == until)
            #expect(world.state?.rollout == nil)
            world.now = until
            world.pass()
            #expect(world.state?.phase == .preparing)
        }
        #expect(delays == [60, 120, 240, 480, 900, 900])
    }

    @Test("a problem of the machine is recognised also after the steps have begun", arguments: [10, 110])
    func machineDuringSteps(unavailableAfter: Int) {
        var spec = Self.rollout(
            [RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))], unavailableAfter: .seconds(unavailableAfter))
        spec.progressDeadline = .seconds(20)
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 20) { $0.rollout?.weight == 50 }
        world.turn("good-2", into: .blocked)
        world.run(limit: 100) { $0.phase == .rolledBack }
        #expect(world.state?.quarantined == [])
        #expect(world.state?.postponed?.revision == ModelDeployment.example("good-2").template.revision)
    }

    @Test("another commit does not wait for a candidate that the machine prevents from starting")
    func commitWhilePostponed() {
        var spec = Self.rollout([RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.commit(.example("blocked-2", rollout: spec))
        world.run(limit: 60) { $0.phase == .rolledBack }
        world.commit(.example("good-3", rollout: spec))
        world.run(limit: 20) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-3")
    }

    @Test("an instance that the machine prevents from starting does not excuse another that started and is not ready")
    func machineAndModel() {
        var spec = Self.rollout([RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.commit(.example("blocked-2", replicas: 2, rollout: spec))
        world.run(limit: 5) { _ in false }
        world.instances[world.instances.count - 1].quality = .dead
        world.run(limit: 60) { $0.phase == .rolledBack }
        #expect(world.state?.quarantined.map(\.version) == ["blocked-2"])
        #expect(world.state?.postponed == nil)
    }

    @Test("a candidate whose files have another digest is shown as Preparing, and no advice is to retry")
    func unfetchable() throws {
        var spec = Self.rollout([RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.commit(.example("blocked-2", rollout: spec))
        world.run(limit: 5) { _ in false }
        var state = try #require(world.state)
        let candidate = try #require(state.rollout?.candidate.revision)
        func observed(needsChange: Bool) -> Observation {
            var observed = world.observe()
            for index in observed.instances.indices where observed.instances[index].revision == candidate {
                observed.instances[index].fetchFailure = InstanceObservation.FetchFailure(
                    reason: "it holds sha256:b, but sha256:a is required", attempts: 3,
                    nextAt: Date(timeIntervalSince1970: 1_800_000_000), needsChange: needsChange)
            }
            return observed
        }
        let wait = try #require(state.wait(seeing: observed(needsChange: true)))
        #expect(state.phase == .preparing && wait.isAboutModel && wait.endsAt != nil)
        #expect(wait.cause.contains("tried 3 times, again at 2027-01-15T08:00:00Z: it holds sha256:b"))
        #expect(wait.remedy?.contains("'mlctl retry' alone does not help") == true)
        let passing = try #require(state.wait(seeing: observed(needsChange: false)))
        #expect(!passing.isAboutModel && passing.remedy?.contains("they are tried again") == true)
        for second in 1...40 where state.rollout != nil {
            let inputs = DecisionInputs(
                desired: world.desired, observed: observed(needsChange: true),
                now: world.now.addingTimeInterval(Double(second)))
            state = try #require(decide(state, inputs)?.state)
        }
        #expect(state.phase == .rolledBack && state.quarantined.isEmpty && state.postponed?.needsChange == true)
        let after = try #require(state.wait(seeing: world.observe()))
        #expect(after.isAboutModel && after.remedy == wait.remedy)
    }

    @Test("retry does not wait for the next attempt")
    func retriedAtOnce() {
        var spec = Self.rollout([RolloutStep(.setWeight(100))])
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.commit(.example("blocked-2", rollout: spec))
        world.run(limit: 60) { $0.phase == .rolledBack }
        world.command(.retry)
        world.pass()
        #expect(world.state?.phase == .preparing)
    }
}

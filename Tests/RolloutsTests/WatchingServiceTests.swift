import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@Suite("Detecting a shortage")
struct WatchingServiceTests {
    @Test("a port that another program takes makes it Degraded, with an event, and its end has an event too")
    func closedEndpoint() {
        var world = World.serving("good-1")
        world.isPortTaken = true
        world.pass()
        #expect(world.state?.phase == .degraded)
        #expect(world.state?.message.contains("port 9000 is taken by another program") == true)
        world.run(limit: 20) { _ in false }
        #expect(world.events.last?.kind == .degraded)
        world.isPortTaken = false
        world.pass()
        #expect(world.state?.phase == .healthy)
        #expect(world.events.last?.kind == .available)
        #expect(world.events.count { $0.kind == .degraded } == 1)
    }

    @Test("fewer ready instances than are needed are Degraded")
    func tooFew() {
        var world = World(seed: 1, deployment: .example("good-1", replicas: 2))
        world.run(limit: 20) { $0.phase == .healthy }
        world.instances[0].quality = .dead
        world.pass()
        #expect(world.state?.phase == .degraded)
        #expect(world.state?.message.hasPrefix("1 of 2 instances of version good-1 ready") == true)
    }

    @Test("a short shortage is in the status, but in no event")
    func moment() {
        var world = World.serving("good-1")
        world.isPortTaken = true
        world.pass()
        world.isPortTaken = false
        world.passTime()
        world.pass()
        #expect(world.state?.phase == .healthy)
        #expect(!world.events.contains { $0.kind == .degraded || $0.kind == .available })
    }

    @Test("additional replicas are needed once they are ready, or when they take too long")
    func growth() {
        var world = World.serving("good-1")
        var spec = RolloutSpec()
        spec.progressDeadline = .seconds(10)
        world.turned["good-1"] = .stuck
        world.commit(.example("good-1", replicas: 2, rollout: spec))
        world.run(limit: 10) { _ in false }
        #expect(world.state?.phase == .healthy)
        let wait = world.state?.wait(seeing: world.observe())
        #expect(wait?.text.hasPrefix("1 of 2 instances of version good-1 are ready") == true, "and so it is not ready")
        #expect(wait?.endsAt != nil && wait?.needsPerson == false)
        world.run(limit: 30) { $0.phase == .degraded }
        #expect(world.state?.phase == .degraded)
    }

    @Test("a shortage of stable during a rollout does not change the rollout's phase")
    func duringRollout() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: StepEditTests.pausing))
        world.run(limit: 20) { $0.phase == .paused }
        world.turn("good-1", into: .dead)
        world.run(limit: 10) { _ in false }
        #expect(world.state?.phase == .paused)
        #expect(world.state?.shortage?.kind == .tooFewInstances)
        #expect(world.events.contains { $0.kind == .degraded })
    }

    @Test("the gap of a recreate is a shortage, but causes no event")
    func intendedGap() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: StrategyTests.spec(.recreate)))
        world.run(limit: 3) { $0.shortage != nil }
        #expect(world.state?.shortage?.kind == .intendedGap)
        world.run(limit: 60) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        #expect(world.state?.shortage == nil)
        #expect(!world.events.contains { $0.kind == .degraded })
    }

    @Test(
        "a manifest that is removed and added again while the deployment drains leaves it Healthy as long as it serves")
    func putBack() {
        var world = World.serving("good-1")
        let manifest = world.desired
        world.desired = .removed
        world.pass()
        world.desired = manifest
        world.pass()
        world.passTime()
        world.run(limit: 20) { $0.phase == .healthy }
        #expect(world.state?.phase == .healthy)
        #expect(world.state?.stable?.version == "good-1")
    }
}

extension StepEditTests {
    static let pausing = RolloutSpec(
        steps: [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))], gates: [])
}

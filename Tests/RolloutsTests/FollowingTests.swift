import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Following git")
struct FollowingTests {
    @Test("changing replicas, gates or steps makes no new revision and takes effect at once")
    func settings() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-1", replicas: 3, rollout: .twoSteps))
        world.pass()
        #expect(world.state?.rollout == nil)
        #expect(world.plan?.revisions.map(\.replicas) == [3])
    }

    @Test("a newer commit supersedes a rollout in flight, against the same stable")
    func supersede() throws {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        world.commit(.example("good-3", rollout: .twoSteps))
        world.pass()
        #expect(world.state?.rollout?.candidate.version == "good-3")
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.history.first?.outcome == .superseded)
        world.run(limit: 400) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-3")
    }

    @Test("going back to stable's template ends the rollout at once, without a quarantine")
    func backToStable() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        world.commit(.example("good-1"))
        world.run(limit: 5) { $0.phase == .healthy }
        #expect(world.state?.phase == .healthy)
        #expect(world.state?.quarantined == [])
        #expect(world.weights.values.sorted() == [100])
    }

    @Test("an unreadable git changes nothing that serves")
    func unreadable() throws {
        var world = World.serving("good-1")
        let before = world.plan
        world.desired = .unreadable
        world.run(limit: 20) { _ in false }
        #expect(world.plan == before)
        #expect(world.state?.phase == .healthy)
    }

    @Test(
        "a lost record is rebuilt from what serves: git's revision is evaluated against it, and does not replace it directly"
    )
    func lostRecord() throws {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 200) { $0.phase == .rolledBack }
        world.state = nil
        world.pass()
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.rollout?.purpose == .release)
        world.run(limit: 200) { $0.phase == .rolledBack }
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.started["good-1"] == 1)
    }

    @Test("if the record was lost, known quarantines stay")
    func lostRecordKeepsQuarantine() {
        let world = World.serving("good-1")
        let bad = ModelDeployment.example("bad-2")
        let known = Quarantine(revision: bad.template.revision, version: "bad-2", reason: "it failed", at: world.now)
        let inputs = DecisionInputs(
            desired: .manifest(bad, commit: "c2"), observed: world.observe(), knownQuarantine: [known], now: world.now)
        let state = decide(nil, inputs)?.state
        #expect(state?.quarantined == [known])
        #expect(state?.rollout == nil)
    }

    @Test("after its manifest is removed, a deployment is drained and stopped, and its record is deleted")
    func removed() throws {
        var world = World.serving("good-1")
        world.desired = .removed
        world.run(limit: 5) { _ in false }
        #expect(world.state == nil)
        #expect(world.instances.isEmpty)
        #expect(world.events.last?.kind == .removed)
    }

    @Test("a suspended deployment starts nothing, and continues when it is resumed")
    func suspended() throws {
        var world = World.serving("good-1")
        world.command(.suspend)
        world.pass()
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout != nil }
        #expect(world.state?.rollout == nil)
        world.command(.resume)
        world.run(limit: 400) { $0.stable?.version == "good-2" && $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }
}

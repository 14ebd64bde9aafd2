import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("News")
struct NewsTests {
    private func paused() -> World {
        var world = World.serving("good-1")
        var spec = RolloutSpec.twoSteps
        spec.steps.insert(RolloutStep(.pause(nil)), at: 1)
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 40) { $0.phase == .paused }
        return world
    }

    @Test("a paused rollout without traffic writes nothing, however often it is looked at")
    func noTraffic() {
        var world = paused()
        world.requestsPerTick = 0
        world.run(limit: 5) { _ in false }
        world.writes = []
        world.run(limit: 200) { _ in false }
        #expect(world.writes == [])
    }

    @Test("time that counts towards a deadline is not written at each look")
    func clock() {
        var world = World.serving("good-1")
        world.requestsPerTick = 0
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 20) { _ in false }
        #expect(world.state?.phase == .progressing)
        let spent = world.state?.rollout?.progressSpent ?? .zero
        world.writes = []
        world.run(limit: 20) { _ in false }
        #expect(world.writes == [])
        #expect(world.state?.rollout?.progressSpent == spent + .seconds(10))
    }

    @Test("traffic alone is evidence, not a decision")
    func traffic() {
        var world = paused()
        world.run(limit: 5) { _ in false }
        world.writes = []
        world.run(limit: 20) { _ in false }
        #expect(Set(world.writes) == [.evidence])
    }

    @Test("a step is a decision")
    func step() {
        var world = paused()
        world.writes = []
        world.command(.promote(full: false))
        world.pass()
        #expect(world.writes.last == .decision)
    }

    @Test(
        "without a rollout nothing is written, with or without a stable version",
        arguments: ["suspended", "healthy", "rolled back", "nothing serves", "waits for another", "degraded"])
    func rest(state: String) {
        var world = World.serving("good-1")
        switch state {
        case "suspended", "nothing serves", "waits for another":
            var deployment = ModelDeployment.example(state == "nothing serves" ? "crashing-1" : "good-1")
            deployment.suspend = state == "suspended"
            world = World(seed: 1, deployment: deployment)
            if state == "waits for another" {
                world.unmetDependencies = [UnmetDependency("test/nobody, which git does not have", isAbsent: true)]
            }
        case "rolled back": world.commit(.example("crashing-2"))
        case "degraded": world.isPortTaken = true
        default: break
        }
        world.run(limit: 60) { _ in false }
        world.writes = []
        world.transitions = []
        world.run(limit: 60) { _ in false }
        #expect(world.writes == [])
        #expect(world.transitions == [], "nothing happens over and over")
    }
}

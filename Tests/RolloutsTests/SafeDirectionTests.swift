import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// Taking a bad candidate out of traffic does not need git, the data plane, the disk, or a person.
@Suite("Withdrawing a candidate needs nothing else")
struct SafeDirectionTests {
    enum Trouble: CaseIterable {
        case gitAway, suspended, dataPlaneAway, diskFull

        func begin(in world: inout World) {
            switch self {
            case .gitAway: world.desired = .unreadable
            case .suspended:
                world.command(.suspend)
                world.pass()
            case .dataPlaneAway: world.isProxyReachable = false
            case .diskFull: world.isStoreWritable = false
            }
        }
    }

    /// `version` with half of the traffic, at a pause that a person ends.
    private func atHalf(_ version: String, gates: [GateSpec] = [], capacity: RolloutSpec.Capacity = .surge) -> World {
        let steps = [RolloutStep(.setWeight(50)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))]
        var spec = RolloutSpec(capacity: capacity, steps: steps, gates: gates)
        // Longer than what counts between two looks.
        spec.unavailableAfter = .seconds(40)
        var world = World.serving("good-1")
        world.commit(.example(version, rollout: spec))
        world.run(limit: 30) { $0.phase == .paused }
        world.run(limit: 2) { _ in false }
        return world
    }

    private func share(of version: String, _ world: World) -> Int {
        let revision = ModelDeployment.example(version).template.revision
        return world.plan?.revisions.first { $0.revision == revision }?.weight ?? 0
    }

    @Test("a candidate that fails requests", arguments: [Trouble.gitAway, .suspended, .diskFull])
    func failsRequests(trouble: Trouble) {
        var world = atHalf("good-2", gates: [StrategyTests.errors])
        trouble.begin(in: &world)
        world.turn("good-2", into: .bad)
        #expect(share(of: "good-2", world) == 50)
        world.run(limit: 100) { _ in false }
        #expect(share(of: "good-2", world) == 0)
    }

    @Test("a candidate that is not available", arguments: Trouble.allCases)
    func notAvailable(trouble: Trouble) {
        var world = atHalf("good-2")
        trouble.begin(in: &world)
        world.turn("good-2", into: .dead)
        world.run(limit: 100) { _ in false }
        #expect(share(of: "good-2", world) == 0)
    }

    @Test("a candidate that crashes", arguments: Trouble.allCases)
    func crashes(trouble: Trouble) {
        var world = atHalf("good-2")
        trouble.begin(in: &world)
        world.turn("good-2", into: .crashing)
        world.run(limit: 20) { _ in false }
        #expect(share(of: "good-2", world) == 0)
    }

    @Test("a candidate that fails requests leaves at once, even if stable has stopped and nothing else answers")
    func failsAlone() {
        let rate = GateSpec(name: "rate", kind: .threshold(ThresholdGate(metric: .errors, max: 0.3)))
        let spec = RolloutSpec(
            capacity: .drainThenLoad, steps: [RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))], gates: [rate])
        var world = World(seed: 1, deployment: .example("good-1", replicas: 2))
        world.run(limit: 30) { $0.phase == .healthy }
        world.commit(.example("good-2", replicas: 2, rollout: spec))
        world.run(limit: 60) { $0.phase == .progressing }
        world.turned["good-2"] = .stuck
        world.run(limit: 300) { $0.phase == .promoting }
        world.run(limit: 10) { _ in false }
        #expect(world.state?.phase == .promoting)
        for index in world.instances.indices where world.instances[index].condition == .ready {
            world.instances[index].quality = .bad
        }
        world.run(limit: 100) { $0.phase == .rollingBack }
        #expect(world.state?.phase == .rollingBack)
        #expect(share(of: "good-2", world) == 0)
    }

    @Test("a candidate that a person aborts", arguments: Trouble.allCases)
    func aborted(trouble: Trouble) {
        var world = atHalf("good-2")
        trouble.begin(in: &world)
        world.command(.abort)
        world.pass()
        #expect(share(of: "good-2", world) == 0)
    }
}

import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Strategies")
struct StrategyTests {
    static let errors = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))

    static func spec(
        _ strategy: RolloutSpec.Strategy, _ steps: [RolloutStep] = [RolloutStep(.setWeight(100))],
        gates: [GateSpec] = [], capacity: RolloutSpec.Capacity = .surge
    ) -> RolloutSpec {
        RolloutSpec(strategy: strategy, capacity: capacity, steps: steps, gates: gates)
    }

    /// Every weight that the candidate was given, in order.
    static func candidateWeights(_ world: inout World, limit: Int = 400) -> [Int] {
        var weights: [Int] = []
        for _ in 0..<limit {
            world.pass()
            let weight = world.state?.rollout?.weight ?? 100
            if weights.last != weight { weights.append(weight) }
            if world.state?.rollout == nil { break }
            world.passTime()
        }
        return weights
    }

    @Test("blue-green has a preview, switches at once, keeps the old revision warm, and can still roll back")
    func blueGreen() throws {
        var rollout = Self.spec(.blueGreen)
        rollout.preview = Preview(port: 9001)
        rollout.probation = Probation(duration: .seconds(60))
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.pass()
        #expect(world.plan?.revisions.last?.preview == Preview(port: 9001))
        world.run(limit: 100) { $0.phase == .probation }
        #expect(world.events.filter { $0.kind == .stepStarted }.map(\.message) == ["step 1 of 1: set weight 100 %"])
        world.pass()
        #expect(world.weights.values.sorted() == [0, 100])
        #expect(world.instances.count == 2, "the old one is kept warm")
        world.command(.rollback(to: nil))
        world.run(limit: 20) { $0.phase == .rolledBack }
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.started["good-1"] == 1, "nothing is loaded again")
    }

    @Test("gates that need traffic are evaluated after a blue-green switch, and are not reported as passed before")
    func blueGreenThreshold() {
        let rate = GateSpec(name: "rate", kind: .threshold(ThresholdGate(metric: .errors, max: 0.5)))
        var rollout = Self.spec(.blueGreen, gates: [rate])
        rollout.probation = Probation(duration: .seconds(60))
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 100) { $0.phase == .probation }
        #expect(
            world.events.last { $0.kind == .promoting }?.message == "every gate before the switch passes")
    }

    @Test("steps that give a candidate no traffic wait for evidence that cannot come, and the status says so")
    func noTrafficByAnyStep() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: Self.spec(.canary, gates: [Self.errors])))
        world.run(limit: 30) { _ in false }
        #expect(
            world.state?.waitingFor
                == "evidence: errors; no step has given it traffic (add '- setWeight: 5', or 'mlctl promote')")
    }

    @Test("a shadow gets copies and no traffic until the gates pass; then its instances take over")
    func shadow() throws {
        let steps = [RolloutStep(.mirror(100), advance: .evidence), RolloutStep(.setWeight(100))]
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: Self.spec(.shadow, steps, gates: [Self.errors])))
        world.run(limit: 20) { $0.rollout?.mirror == 100 }
        world.pass()
        #expect(world.mirrors.values.sorted() == [0, 100])
        #expect(world.plan?.comparison == ShadowComparison())
        let weights = Self.candidateWeights(&world)
        #expect(weights == [0, 100])
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.mirrors.values.allSatisfy { $0 == 0 })
    }

    @Test("a bad shadow is withdrawn before it has any traffic")
    func badShadow() throws {
        let steps = [RolloutStep(.mirror(100), advance: .evidence), RolloutStep(.setWeight(100))]
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: Self.spec(.shadow, steps, gates: [Self.errors])))
        let weights = Self.candidateWeights(&world)
        #expect(weights == [0, 100], "0, and then there is no rollout any more")
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.phase == .rolledBack)
    }

    @Test(
        "recreate stops the old revision before it starts the new one, and brings it back if the new one cannot serve")
    func recreate() throws {
        var world = World.serving("good-1")
        world.mostInstances = 0
        world.commit(.example("good-2", rollout: Self.spec(.recreate)))
        world.pass()
        #expect(world.plan?.isOpen == false, "nothing is sent to where nobody answers")
        world.run(limit: 60) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.mostInstances == 1)
        world.commit(.example("crashing-3", rollout: Self.spec(.recreate)))
        world.run(limit: 60) { $0.phase == .rolledBack }
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.observe().ready(world.state!.stable!.revision) == 1)
        #expect(world.mostInstances == 1)
    }

    @Test("if the old revision stops first, a probation holds no share back for it")
    func recreateOnProbation() {
        var rollout = Self.spec(.recreate)
        rollout.probation = Probation(duration: .seconds(20), holdback: 20)
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 60) { $0.phase == .probation }
        world.pass()
        #expect(world.state?.phase == .probation)
        #expect(world.weights.values.sorted() == [0, 100], "no request goes to where nobody answers")
        world.run(limit: 60) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test(
        "with drainThenLoad there are never more instances than replicas, and only a single replica causes a gap",
        arguments: [1, 2, 4], ["good-2", "bad-2", "crashing-2"])
    func drainThenLoad(replicas: Int, version: String) throws {
        let steps = [RolloutStep(.setWeight(25)), RolloutStep(.setWeight(100))]
        let rollout = Self.spec(.canary, steps, gates: [Self.errors], capacity: .drainThenLoad)
        var world = World(seed: 7, deployment: .example("good-1", replicas: replicas))
        world.run(limit: 30) { $0.phase == .healthy }
        world.mostInstances = 0
        world.commit(.example(version, replicas: replicas, rollout: rollout))
        var gap = 0
        for _ in 0..<600 {
            world.pass()
            if world.observe().instances.allSatisfy({ $0.condition != .ready }) { gap += 1 }
            if world.state?.rollout == nil { break }
            world.passTime()
        }
        let expected = version == "good-2" || (version == "bad-2" && replicas == 1) ? version : "good-1"
        #expect(world.state?.stable?.version == expected)
        #expect(world.mostInstances <= replicas)
        #expect((gap > 0) == (replicas == 1))
        for _ in 0..<10 {
            world.passTime()
            world.pass()
        }
        #expect(world.instances.count == replicas)
    }

    @Test("a rollout waits for the deployments that it depends on, and says so")
    func dependencies() throws {
        var world = World.serving("good-1")
        world.unmetDependencies = [UnmetDependency("payments/encoder, which is Progressing")]
        world.commit(.example("good-2", rollout: .twoSteps))
        world.pass()
        #expect(world.state?.rollout == nil)
        #expect(world.state?.waitingFor == "payments/encoder, which is Progressing")
        world.unmetDependencies = []
        world.pass()
        #expect(world.state?.rollout?.candidate.version == "good-2")
        #expect(world.state?.waitsFor == [])
    }
}

import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// Properties that must hold for random specs, models, operators, failures and restarts. A seed replays any run.
@Suite("Rollouts under seeded simulation")
struct RolloutProperties {
    /// Each argument runs this many seeds, one after the other.
    static let seedsPerBatch = ProcessInfo.processInfo.environment["MLCTL_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 60
    static let batches: [UInt64] = (0..<16).map { $0 }
    static let ticks = 250

    @Test("every property holds in every run", arguments: batches)
    func everyPropertyHolds(batch: UInt64) {
        let first = batch * Self.seedsPerBatch + 1
        var violations: [String] = []
        for seed in first..<first + Self.seedsPerBatch {
            violations += RolloutSimulation.run(seed: seed, ticks: Self.ticks)
        }
        #expect(violations == [], "seeds \(first) to \(first + Self.seedsPerBatch - 1)")
    }

    @Test("the same state and inputs give an equal decision", arguments: UInt64(1)...8)
    func deterministic(seed: UInt64) {
        var chaos = SeededRandom(seed: seed)
        var world = World(seed: seed, deployment: .random(1, using: &chaos))
        for step in 0..<300 {
            if chaos.chance(0.02) {
                world.desired = .manifest(.random(step, using: &chaos), commit: "c\(step)")
            }
            let inputs = DecisionInputs(
                desired: world.desired, observed: world.observe(), readings: world.readings, now: world.now)
            #expect(decide(world.state, inputs) == decide(world.state, inputs), "seed \(seed), step \(step)")
            world.pass()
            world.passTime()
        }
    }

    @Test("a crash between any two writes does not change the result", arguments: UInt64(1)...16)
    func crashesChangeNothing(seed: UInt64) throws {
        var chaos = SeededRandom(seed: seed &* 7919)
        let versions = (1...4).map { "\(["good", "bad", "crashing"][chaos.int(0...2)])-\($0)" }
        let calm = try endOfRun(versions, seed: seed, crashRate: 0)
        let stormy = try endOfRun(versions, seed: seed, crashRate: 0.3)
        #expect(calm.stable?.version == stormy.stable?.version, "seed \(seed), \(versions)")
        #expect(calm.phase == stormy.phase, "seed \(seed), \(versions)")
        #expect(calm.quarantined.map(\.revision) == stormy.quarantined.map(\.revision), "seed \(seed), \(versions)")
    }

    private func endOfRun(_ versions: [String], seed: UInt64, crashRate: Double) throws -> RolloutState {
        var chaos = SeededRandom(seed: seed &+ 1)
        let first = ModelDeployment.example(versions[0])
        var world = World(seed: seed, deployment: first)
        for version in versions {
            world.desired = .manifest(.example(version, rollout: .twoSteps), commit: version)
            for _ in 0..<6000 {
                world.pass(crash: chaos.chance(crashRate) ? World.Crash.allCases.randomElement(using: &chaos) : nil)
                if let state = world.state, state.rollout == nil, state.phase == .healthy || state.phase == .rolledBack,
                    state.commit == version
                {
                    break
                }
                world.passTime()
            }
        }
        return try #require(world.state)
    }
}

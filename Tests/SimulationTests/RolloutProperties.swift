import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// What must hold whatever happens: random specs, models, operators, failures and restarts. A seed replays any run.
@Suite("Rollouts under seeded simulation")
struct RolloutProperties {
    static let seeds: [UInt64] = (1...16).map { $0 }

    @Test("every property holds, whatever happens", arguments: seeds)
    func everyPropertyHolds(seed: UInt64) throws {
        var chaos = SeededRandom(seed: seed)
        var world = World(seed: seed, deployment: .random(1, using: &chaos))
        for step in 0..<700 {
            disturb(&world, step: step, using: &chaos)
            let crash = chaos.chance(0.05) ? World.Crash.allCases.randomElement(using: &chaos) : nil
            let before = world.state
            let inputs = DecisionInputs(
                desired: world.desired, observed: world.observe(),
                readings: world.isProxyReachable ? world.readings : nil, commands: world.commands, now: world.now)
            #expect(decide(before, inputs) == decide(before, inputs), "seed \(seed), step \(step)")
            let taken = world.pass(crash: crash)
            let decision = try #require(taken)
            check(decision, before: before, seed: seed, step: step)
            world.passTime()
        }
        settle(&world)
        let end = try #require(world.state)
        #expect(
            [.healthy, .rolledBack, .failed].contains(end.phase), "seed \(seed) ends in \(end.phase): \(end.message)")
        #expect(end.rollout == nil, "seed \(seed)")
    }

    /// Commits, operators, restarts of the proxy, and a git that cannot be read.
    private func disturb(_ world: inout World, step: Int, using chaos: inout SeededRandom) {
        if chaos.chance(0.006) {
            world.desired = .manifest(.random(chaos.int(1...6), using: &chaos), commit: "c\(step)")
        }
        if chaos.chance(0.01) {
            let verbs: [OperatorCommand.Verb] = [
                .promote(full: false), .promote(full: true), .pause, .resume, .abort, .retry, .rollback(to: nil),
                .suspend,
            ]
            world.commands.append(OperatorCommand(verbs[chaos.int(0...verbs.count - 1)], actor: "seed"))
        }
        if chaos.chance(0.004) { world.restartProxy() }
        world.isProxyReachable = chaos.chance(0.97)
    }

    /// Nothing disturbs any more, and a patient operator lets everything go on.
    private func settle(_ world: inout World) {
        world.isProxyReachable = true
        for round in 0..<20_000 {
            if round % 100 == 0, let state = world.state {
                if state.isSuspended || state.phase == .paused {
                    world.commands = [OperatorCommand(.resume), OperatorCommand(.promote(full: false))]
                }
            }
            world.pass()
            if let state = world.state, state.rollout == nil, !state.isSuspended { break }
            world.passTime()
        }
    }

    private func check(_ decision: Decision, before: RolloutState?, seed: UInt64, step: Int) {
        let context: Comment = "seed \(seed), step \(step)"
        let sum = decision.plan.revisions.map(\.weight).reduce(0, +)
        #expect(sum == 100 || sum == 0, context)
        #expect(decision.plan.revisions.allSatisfy { (0...100).contains($0.weight) }, context)
        guard let state = decision.state else { return }
        if let stable = state.stable, !state.isRemoved {
            let planned = decision.plan.revisions.first { $0.revision == stable.revision }
            let room = state.rollout?.room ?? .surge
            if room == .surge { #expect(planned?.replicas == state.settings.replicas, context) }
            if room != .recreate { #expect(sum == 100, context) }
        }
        for quarantine in state.quarantined where quarantine.revision != state.stable?.revision {
            let planned = decision.plan.revisions.first { $0.revision == quarantine.revision }
            #expect((planned?.weight ?? 0) == 0, context)
        }
        #expect(state.decidedAt >= before?.decidedAt ?? .distantPast, context)
    }

    @Test("a crash between any two writes changes nothing in the end", arguments: seeds)
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

extension SeededRandom {
    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
    mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
}

extension ModelDeployment {
    static func random(_ number: Int, using random: inout SeededRandom) -> ModelDeployment {
        let quality = World.Quality.allCases[random.int(0...3)]
        var steps: [RolloutStep] = []
        for weight in [5, 20, 50].prefix(random.int(0...3)) {
            steps.append(RolloutStep(.setWeight(weight), advance: random.chance(0.3) ? .evidence : .done))
            switch random.int(0...4) {
            case 0: steps.append(RolloutStep(.pause(.seconds(random.int(1...30)))))
            case 1: steps.append(RolloutStep(.approval))
            case 2: steps.append(RolloutStep(.gate("errors")))
            case 3: steps.append(RolloutStep(.pause(nil)))
            default: break
            }
        }
        steps.append(RolloutStep(.setWeight(100)))
        let errors = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
        let limit = GateSpec(name: "limit", kind: .threshold(ThresholdGate(metric: .errors, max: 0.3)))
        let strategy = RolloutSpec.Strategy.allCases[random.int(0...7) % RolloutSpec.Strategy.allCases.count]
        if strategy == .shadow { steps.insert(RolloutStep(.mirror(100)), at: 0) }
        if strategy == .blueGreen || strategy == .recreate { steps = [RolloutStep(.setWeight(100))] }
        let rollout = RolloutSpec(
            strategy: strategy, capacity: random.chance(0.3) ? .drainThenLoad : .surge, steps: steps,
            gates: random.chance(0.3) ? [errors, limit] : [errors],
            progressDeadline: .seconds(random.int(20...300)),
            onInsufficient: RolloutSpec.InsufficientAction.allCases[random.int(0...2)],
            onFailure: random.chance(0.8) ? .rollback : .pause,
            probation: random.chance(0.3)
                ? Probation(duration: .seconds(random.int(1...16)), holdback: random.int(0...20)) : nil)
        return .example("\(quality.rawValue)-\(number)", replicas: random.int(1...3), rollout: rollout)
    }
}

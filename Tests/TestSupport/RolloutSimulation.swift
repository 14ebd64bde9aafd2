import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving

/// One life of a deployment in a world with realistic faults, and the properties that must always hold. A seed replays it.
///
/// Faults: readiness that comes and goes; models that hang, crash or fail requests; a taken port; a full disk; an unreachable
/// git; a proxy that is unreachable, stuck or restarted; a machine that starts nothing; a controller that is killed between
/// any two writes or pauses for a while; edits of the step list; commits; and every command at every moment.
package struct RolloutSimulation {
    package let seed: UInt64
    package var world: World
    package internal(set) var violations: [String] = []
    var chaos: SeededRandom
    var number = 1
    var weightBefore: (candidate: Revision, weight: Int)?
    /// Approvals that a person has given in the current rollout.
    var approvals = 0
    /// Since when no instance of the candidate has been ready at any look.
    var deadSince: (candidate: Revision, at: Date)?
    var isFull = false
    var tick = 0

    /// Properties that were violated already: each is reported once in a run.
    var told: Set<String> = []

    /// Called at each look, to follow the replay of a seed.
    package var trace: ((_ tick: Int, _ line: String) -> Void)?

    package init(seed: UInt64) {
        self.seed = seed
        var chaos = SeededRandom(seed: seed)
        world = World(seed: seed, deployment: .random(1, using: &chaos))
        self.chaos = chaos
    }

    /// - Returns: the violations; empty if all properties hold.
    package static func run(seed: UInt64, ticks: Int) -> [String] {
        var simulation = RolloutSimulation(seed: seed)
        for _ in 0..<ticks { simulation.live() }
        simulation.recover()
        return simulation.violations
    }

    package mutating func live() {
        tick += 1
        disturb()
        // The controller is away for a while, and the world continues.
        if chaos.chance(0.003) { for _ in 0..<chaos.int(1...80) { world.passTime() } }
        look(crash: chaos.chance(0.03) ? World.Crash.allCases.randomElement(using: &chaos) : nil)
        world.passTime()
    }

    private mutating func look(crash: World.Crash? = nil) {
        let before = world.state
        let commands = world.commands
        let observed = world.observe()
        let planBefore = world.plan
        guard let decision = world.pass(crash: crash) else { return }
        if let trace {
            let state = decision.state
            let rollout = state?.rollout
            let moves = decision.transitions.map { "\($0.from.rawValue) -\($0.event)-> \($0.to.rawValue)" }
            let seen = observed.instances.map { "\($0.revision.rawValue.prefix(4)):\($0.condition)" }
            trace(
                tick,
                "\(state?.phase.rawValue ?? "-") \(rollout?.purpose.rawValue ?? "") \(rollout?.room.rawValue ?? "") "
                    + "w=\(rollout?.weight ?? -1) step=\(rollout?.stepping?.current?.step.text ?? "-") hold=\(rollout?.hold.map { "\($0)" } ?? "-") "
                    + "\(moves) \(commands.map(\.verb)) refused=\(decision.refusals.count) "
                    + "crash=\(crash.map { "\($0)" } ?? "-") disk=\(world.isStoreWritable) seen=\(seen) steps=\(state?.settings.rollout.steps.map(\.text) ?? [])"
            )
        }
        check(decision, before: before, observed: observed, commands: commands)
        if crash == nil { checkRetreat(decision, before: before, planBefore: planBefore) }
    }

    // MARK: - Events of the world

    private mutating func disturb() {
        if chaos.chance(0.008) { commit() }
        if chaos.chance(0.01) { edit() }
        if chaos.chance(0.015) { command() }
        if chaos.chance(0.004) { world.restartProxy() }
        if chaos.chance(0.002) { world.desired = .removed }
        if case .removed = world.desired, chaos.chance(0.3) { commit() }
        if chaos.chance(0.003) { misbehave() }
        world.isProxyReachable = chaos.chance(0.97)
        toggle(\.isProxyStuck, on: 0.003, off: 0.05)
        toggle(\.isPortTaken, on: 0.002, off: 0.03)
        toggle(\.isMachineInTheWay, on: 0.02, off: 0.01)
        toggle(\.isStoreWritable, on: 0.05, off: 0.003)
        toggle(\.isGitReadable, on: 0.05, off: 0.003)
    }

    private mutating func toggle(_ fault: WritableKeyPath<World, Bool>, on: Double, off: Double) {
        if chaos.chance(world[keyPath: fault] ? off : on) { world[keyPath: fault].toggle() }
    }

    private mutating func commit() {
        number += 1
        let known = chaos.chance(0.2) ? chaos.int(1...number) : number
        world.desired = .manifest(.random(known, using: &chaos), commit: "c\(tick)")
    }

    /// The same model with other steps or gates, or another number of replicas.
    private mutating func edit() {
        guard case .manifest(var deployment, _) = world.desired else { return }
        let other = ModelDeployment.random(number, using: &chaos)
        switch chaos.int(0...3) {
        case 0: deployment.rollout.steps = other.rollout.steps
        case 1: deployment.rollout.steps.shuffle(using: &chaos)
        case 2: deployment.rollout.steps.removeFirst(min(deployment.rollout.steps.count, chaos.int(0...2)))
        default: deployment.replicas = chaos.int(1...3)
        }
        if chaos.chance(0.1) { deployment.rollout.steps = [] }
        if chaos.chance(0.1) { deployment.rollout.gates = [] }
        world.desired = .manifest(deployment, commit: "e\(tick)")
    }

    private mutating func command() {
        let past = world.state?.history.map(\.deployed.revision.rawValue) ?? []
        let revision = past.randomElement(using: &chaos)
        let isForced = chaos.chance(0.5)
        let verbs: [OperatorCommand.Verb] = [
            .promote(.init()), .promote(.init(isFull: true)), .promote(.init(skipsChecks: true)),
            .promote(.init(isFull: isForced, isForced: true)), .pause, .resume, .abort, .retry,
            .rollback(to: nil, force: false), .rollback(to: revision, force: isForced), .suspend, .resume,
        ]
        world.commands.append(OperatorCommand(verbs[chaos.int(0...verbs.count - 1)], actor: "seed"))
    }

    /// A serving model begins to misbehave, or stops.
    private mutating func misbehave() {
        let versions = [world.state?.stable?.version, world.state?.rollout?.candidate.version].compactMap(\.self)
        guard let version = versions.randomElement(using: &chaos) else { return }
        world.turn(version, into: World.Quality.simulated[chaos.int(0...World.Quality.simulated.count - 1)])
    }

    // MARK: - Recovery

    /// Without further faults: a fixing commit starts within seconds, and serves within a bound.
    package mutating func recover() {
        world.isProxyReachable = true
        world.isProxyStuck = false
        world.isPortTaken = false
        world.isMachineInTheWay = false
        world.isStoreWritable = true
        world.isGitReadable = true
        look()
        world.passTime()
        if world.state?.isSuspended == true { world.commands = [OperatorCommand(.resume)] }
        number += 1
        let fixing = ModelDeployment.example(
            "good-\(number)",
            rollout: RolloutSpec(steps: [RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))], gates: []))
        world.desired = .manifest(fixing, commit: "fix")
        var startedAfter: Int?
        for round in 0..<400 {
            look()
            if startedAfter == nil, isTaken(fixing) { startedAfter = round }
            if world.state?.phase == .healthy, world.state?.stable?.version == fixing.template.model.version { break }
            world.passTime()
        }
        let state = world.state
        if state?.stable?.version != fixing.template.model.version || state?.phase != .healthy {
            violate(
                "a fixing commit serves within a bound",
                "\(state?.phase.rawValue ?? "nothing"): \(state?.message ?? "")")
        }
        // Ten looks are five seconds. Only the last instance that answers may delay the start.
        if startedAfter ?? .max > 10 + 2 * World.loadTicks {
            violate("a fixing commit is taken up within seconds", "\(startedAfter ?? -1) looks")
        }
        rest()
    }

    private func isTaken(_ deployment: ModelDeployment) -> Bool {
        world.state?.rollout?.candidate.template == deployment.template
            || world.state?.stable?.template == deployment.template
    }

    /// At rest, looks learn nothing and write nothing.
    private mutating func rest() {
        for _ in 0..<20 {
            look()
            world.passTime()
        }
        let written = world.writes.count
        for _ in 0..<20 {
            look()
            world.passTime()
        }
        if world.writes.count != written { violate("a look that learns nothing writes nothing") }
    }
}

extension SeededRandom {
    package mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
    package mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
}

extension ModelDeployment {
    package static func random(_ number: Int, using random: inout SeededRandom) -> ModelDeployment {
        let quality = World.Quality.simulated[random.int(0...World.Quality.simulated.count - 1)]
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
                ? Probation(duration: .seconds(random.int(1...16)), holdback: random.int(0...20)) : nil,
            unavailableAfter: .seconds(random.int(5...40)))
        return .example("\(quality.rawValue)-\(number)", replicas: random.int(1...3), rollout: rollout)
    }
}

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
    package private(set) var violations: [String] = []
    private var chaos: SeededRandom
    private var number = 1
    private var weightBefore: (candidate: Revision, weight: Int)?
    /// Approvals that a person has given in the current rollout.
    private var approvals = 0
    /// Since when no instance of the candidate has been ready at any look.
    private var deadSince: (candidate: Revision, at: Date)?
    private var isFull = false
    private var tick = 0

    /// Properties that were violated already: each is reported once in a run.
    private var told: Set<String> = []

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
        world.turn(version, into: World.Quality.allCases[chaos.int(0...World.Quality.allCases.count - 1)])
    }

    // MARK: - Properties

    private mutating func violate(_ property: String, _ detail: String = "") {
        guard told.insert(property).inserted else { return }
        violations.append("seed \(seed), tick \(tick): \(property) \(detail)")
    }

    private mutating func check(
        _ decision: Decision, before: RolloutState?, observed: Observation, commands: [OperatorCommand]
    ) {
        checkPlan(decision, observed: observed)
        checkTransitions(decision)
        checkRefusals(decision, before: before, observed: observed)
        countApprovals(decision, before: before, commands: commands)
        checkPromotion(decision, before: before, observed: observed)
        checkWeight(decision, before: before)
        checkStatus(decision, observed: observed)
        checkFailure(decision)
        checkAvailability(decision, before: before, observed: observed)
        checkCommands(decision, commands: commands)
        checkLooks(decision)
    }

    private mutating func checkPlan(_ decision: Decision, observed: Observation) {
        let sum = decision.plan.revisions.map(\.weight).reduce(0, +)
        if sum != 0, sum != 100 { violate("weights sum to 0 or 100", "\(sum)") }
        guard let state = decision.state else { return }
        // During a rollback stable gets the traffic before there is room for its instances. A candidate that has lost all its
        // instances waits until those that replaced it are gone.
        for planned in decision.plan.revisions
        where planned.weight > 0 && planned.replicas == 0 && state.phase != .rollingBack {
            let isRoomTaken =
                state.rollout?.room != .surge && observed.instances.contains { $0.revision != planned.revision }
            if !isRoomTaken { violate("what has traffic has instances", "\(state.phase)") }
        }
        for quarantine in state.quarantined where quarantine.revision != state.stable?.revision {
            guard let planned = decision.plan.revisions.first(where: { $0.revision == quarantine.revision }),
                planned.weight > 0
            else { continue }
            let servesAlone = state.rollout?.room == .drain && state.phase == .rollingBack
            if !servesAlone { violate("what is quarantined has no traffic", "\(state.phase)") }
        }
        if let stable = state.stable, !state.isRemoved, (state.rollout?.room ?? .surge) == .surge {
            let planned = decision.plan.revisions.first { $0.revision == stable.revision }
            if planned?.replicas != state.settings.replicas {
                violate("stable keeps all its instances beside a candidate")
            }
        }
    }

    private mutating func checkTransitions(_ decision: Decision) {
        for transition in decision.transitions where !PhaseTable.allows(transition) {
            violate("every transition is in the table", "\(transition)")
        }
    }

    /// The command that a refusal names works now.
    private mutating func checkRefusals(_ decision: Decision, before: RolloutState?, observed: Observation) {
        guard let state = decision.state, !decision.refusals.isEmpty else { return }
        for refusal in decision.refusals {
            guard let list = refusal.reason.range(of: "Commands that work now: ") else {
                violate("a refusal says what works", refusal.reason)
                continue
            }
            let named = CommandKind.allCases.filter {
                refusal.reason[list.upperBound...].contains("'mlctl \($0.rawValue) ")
            }
            // Commands of one pass run one after the other: the refusal was true when it was made.
            guard decision.refusals.count == 1, decision.transitions.isEmpty, decision.events.isEmpty else { continue }
            for kind in named {
                let verb = Self.plain(kind)
                let inputs = DecisionInputs(
                    desired: world.seen, observed: observed, commands: [OperatorCommand(verb)], now: state.decidedAt)
                if let again = decide(state, inputs), !again.refusals.isEmpty, again.transitions.isEmpty {
                    violate("a refusal names a command that works", "\(refusal.reason) | \(again.refusals[0].reason)")
                }
            }
        }
    }

    private static func plain(_ kind: CommandKind) -> OperatorCommand.Verb {
        switch kind {
        case .promote: .promote(.init())
        case .pause: .pause
        case .resume: .resume
        case .abort: .abort
        case .retry: .retry
        case .rollback: .rollback(to: nil, force: false)
        case .suspend: .suspend
        }
    }

    private mutating func countApprovals(_ decision: Decision, before: RolloutState?, commands: [OperatorCommand]) {
        if decision.events.contains(where: { $0.kind == .rolloutStarted || $0.kind == .retried }) {
            approvals = 0
            isFull = false
        }
        for command in commands {
            guard case .promote(let promotion) = command.verb,
                !decision.refusals.contains(where: { $0.command == command })
            else { continue }
            approvals += 1
            if promotion.isFull { isFull = true }
        }
    }

    private mutating func checkPromotion(_ decision: Decision, before: RolloutState?, observed: Observation) {
        guard let rollout = before?.rollout, let state = decision.state else { return }
        let candidate = rollout.candidate.revision
        let isForced = rollout.isForced || approvals > 0 && decision.state?.rollout?.isForced == true
        let began = decision.events.contains { $0.kind == .promoting && $0.revision == candidate }
        let promoted = decision.events.contains { $0.kind == .promoted && $0.revision == candidate }
        // A commit in the same decision that promotes this candidate may ask for fewer or more instances.
        let isOvertaken = state.rollout.map { $0.candidate.revision != candidate } ?? false
        let wanted =
            isOvertaken ? min(before?.settings.replicas ?? 1, state.settings.replicas) : state.settings.replicas
        let leaves = rollout.room == .drain ? 1 : wanted
        if began, !isForced, decision.state?.rollout?.isForced != true, observed.ready(candidate) < leaves {
            violate("a promotion begins only while the candidate is ready", "\(observed.ready(candidate)) of \(leaves)")
        }
        // A first version has no steps: a retry promotes it in the same decision.
        let isBegunAgain = rollout.purpose == .first && decision.events.contains { $0.kind == .retried }
        let isConfirmed =
            isBegunAgain || observed.weights.map { $0[candidate] ?? 0 == rollout.weight } ?? (rollout.weight == 0)
        if began, !isForced, decision.state?.rollout?.isForced != true, !isConfirmed {
            violate("a promotion begins only while the share is confirmed", "\(rollout.weight) %")
        }
        if promoted {
            // In probation a drained old revision occupies the place of one instance.
            let least = rollout.room == .drain ? max(wanted - 1, 1) : wanted
            let byForce = isForced || wasForced(by: decision)
            if !byForce, observed.ready(candidate) < least {
                violate("nothing is promoted that is not ready", "\(observed.ready(candidate)) of \(least)")
            }
            var share = 100
            if case .probation(let probation) = rollout.stage { share = probation.weight }
            if !byForce, approvals == 0, observed.weights?[candidate] != share {
                violate("nothing is promoted without its share", "\(share) %")
            }
            if rollout.judgement.evidence.contains(where: {
                $0.verdict == .fail && !rollout.overriddenGates.contains($0.spec.name)
            }), approvals == 0 {
                violate("nothing becomes stable with a failing gate")
            }
        }
        guard began, rollout.purpose == .release, rollout.room != .recreate, !isFull,
            decision.transitions.contains(where: { $0.event == .stepsDone })
        else { return }
        let steps = state.settings.rollout.steps
        let wantedApprovals = steps.count { $0.action == .approval || $0.action == .pause(nil) }
        if approvals < wantedApprovals { violate("no edit skips an approval", "\(approvals) of \(wantedApprovals)") }
        for case .gate(let name) in steps.map(\.action) {
            guard let evidence = decision.state?.rollout?.judgement.evidence(of: name) else { continue }
            if evidence.verdict != .pass, approvals == 0 { violate("no edit skips a gate", name) }
        }
    }

    /// An event that could not be recorded is not among the world's events yet.
    private func wasForced(by decision: Decision) -> Bool {
        (world.events.suffix(8) + decision.events).contains {
            $0.kind == .approved && $0.message.contains("not all instances")
        }
    }

    /// A decision that takes traffic from a candidate takes effect at once, whether it can be recorded or not.
    private mutating func checkRetreat(_ decision: Decision, before: RolloutState?, planBefore: ServingPlan?) {
        guard let candidate = before?.rollout?.candidate.revision, let planBefore,
            planBefore.revisions.contains(where: { $0.revision != candidate && $0.replicas > 0 })
        else { return }
        func weight(_ plan: ServingPlan?) -> Int { plan?.revisions.first { $0.revision == candidate }?.weight ?? 0 }
        guard weight(decision.plan) < weight(planBefore), weight(world.plan) > weight(decision.plan) else { return }
        violate("taking a candidate out needs no record", "\(weight(world.plan)) %")
    }

    /// With `onFailure: rollback` a failing candidate does not continue, and no trouble elsewhere keeps it.
    private mutating func checkFailure(_ decision: Decision) {
        guard let state = decision.state, let rollout = state.rollout, rollout.withdrawal == nil else { return }
        let failed = rollout.judgement.evidence.first {
            $0.verdict == .fail && !rollout.overriddenGates.contains($0.spec.name)
        }
        guard let failed else { return }
        if state.settings.rollout.onFailure == .rollback {
            violate("a candidate with a failing gate is taken out", failed.spec.name)
        } else if rollout.hold?.needsPerson != true {
            violate("a candidate with a failing gate waits for a person", failed.spec.name)
        }
    }

    /// A candidate without a ready instance does not keep its share longer than the manifest allows.
    private mutating func checkAvailability(_ decision: Decision, before: RolloutState?, observed: Observation) {
        guard let state = decision.state, let rollout = state.rollout, rollout.weight > 0, rollout.withdrawal == nil,
            before?.rollout?.weight ?? 0 > 0, !rollout.isForced, rollout.room == .surge,
            state.settings.rollout.onFailure == .rollback, observed.ready(rollout.candidate.revision) == 0,
            let lookedAt = before?.decidedAt, state.decidedAt.timeIntervalSince(lookedAt) < 30
        else {
            deadSince = nil
            return
        }
        let candidate = rollout.candidate.revision
        guard let known = deadSince, known.candidate == candidate else {
            deadSince = (candidate, state.decidedAt)
            return
        }
        let limit = state.settings.rollout.unavailableAfter / .seconds(1) + 3
        if state.decidedAt.timeIntervalSince(known.at) > limit {
            violate("a candidate that is not there leaves the traffic in time", "\(limit) s")
        }
    }

    /// An abort that is not refused is carried out.
    private mutating func checkCommands(_ decision: Decision, commands: [OperatorCommand]) {
        guard commands.count == 1, commands[0].verb == .abort, decision.refusals.isEmpty else { return }
        if !decision.events.contains(where: { $0.kind == .aborted }) { violate("an abort is carried out") }
    }

    /// The next look comes in time, and never at once.
    private mutating func checkLooks(_ decision: Decision) {
        guard let state = decision.state else { return }
        let delay = decision.lookAgainAt?.timeIntervalSince(state.decidedAt)
        if let delay, delay < 0.5 { violate("no look follows at once", "\(delay) s in \(state.phase)") }
        if state.rollout != nil, delay ?? .infinity > 5 { violate("a rollout in flight is looked at in time") }
    }

    /// The weight increases only by a step in its turn, or by a promotion.
    private mutating func checkWeight(_ decision: Decision, before: RolloutState?) {
        guard let rollout = decision.state?.rollout else {
            weightBefore = nil
            return
        }
        let candidate = rollout.candidate.revision
        if let known = weightBefore, known.candidate == candidate, before?.rollout != nil,
            (before?.rollout?.weight ?? 0) < rollout.weight
        {
            let causes: Set<PhaseEvent> = [.stepBegan, .stepsDone, .candidateReady, .limitPassed]
            let events = Set(decision.transitions.map(\.event))
            if events.isDisjoint(with: causes) { violate("the weight rises only by a step that begins", "\(events)") }
            if events.contains(.stepsEdited) { violate("an edit does not raise the weight") }
        }
        weightBefore = (candidate, rollout.weight)
    }

    /// Healthy means that the deployment serves at this moment.
    private mutating func checkStatus(_ decision: Decision, observed: Observation) {
        guard let state = decision.state, state.phase == .healthy, let stable = state.stable else { return }
        // The next pass sees what was just promoted or restored.
        guard decision.transitions.isEmpty else { return }
        let needed = min(state.settings.replicas, state.growth?.from ?? state.settings.replicas)
        if observed.ready(stable.revision) < needed { violate("healthy means that all instances are ready") }
        if observed.endpoint == nil { violate("healthy means that the endpoint is open") }
        if stable.template != state.settings.template, state.quarantine(of: state.settings.template.revision) != nil {
            violate("a deployment whose revision in git is held back must not be healthy")
        }
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
        let quality = World.Quality.allCases[random.int(0...World.Quality.allCases.count - 1)]
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

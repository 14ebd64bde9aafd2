import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving

/// The properties that must hold at every look.
extension RolloutSimulation {
    mutating func violate(_ property: String, _ detail: String = "") {
        guard told.insert(property).inserted else { return }
        violations.append("seed \(seed), tick \(tick): \(property) \(detail)")
    }

    mutating func check(
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
    mutating func checkRetreat(_ decision: Decision, before: RolloutState?, planBefore: ServingPlan?) {
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
}

import Foundation
import ModelManifests

/// What operators asked for. A command that makes no sense in this phase is refused with a reason, and changes nothing.
extension DecisionPass {
    mutating func obeyCommands() {
        for command in inputs.commands {
            if let reason = obey(command) { refusals.append(.init(command: command, reason: reason)) }
        }
    }

    /// - Returns: why not, or nil.
    private mutating func obey(_ command: OperatorCommand) -> String? {
        if state.isRemoved { return "its manifest was removed from git" }
        switch command.verb {
        case .promote(let full): return promote(full: full, actor: command.actor)
        case .pause: return pause(actor: command.actor)
        case .resume: return resume(actor: command.actor)
        case .abort: return abort(actor: command.actor)
        case .retry: return retry(actor: command.actor)
        case .rollback(let revision): return rollback(to: revision, actor: command.actor)
        case .suspend: return suspend(actor: command.actor)
        }
    }

    /// A rollout that is under way and may still be steered.
    private var steerable: Rollout? {
        guard let rollout = state.rollout, rollout.withdrawal == nil else { return nil }
        switch state.phase {
        case .preparing, .progressing, .paused: return rollout
        case .idle, .promoting, .probation, .healthy, .rollingBack, .rolledBack, .failed: return nil
        }
    }

    private mutating func promote(full: Bool, actor: String?) -> String? {
        if state.phase == .probation {
            concludeProbation("ended by \(actor ?? "an operator")")
            return nil
        }
        guard let rollout = steerable else { return "no rollout is waiting: phase is \(state.phase.rawValue)" }
        if let failed = rollout.failedGate { state.rollout?.overriddenGates.append(failed.spec.name) }
        if full { state.rollout?.stepIndex = state.settings.rollout.steps.count }
        state.rollout?.isStepApproved = true
        state.rollout?.hold = nil
        record(
            .approved, full ? "promoted in full by hand" : "let go on by hand", about: rollout.candidate, actor: actor)
        if state.phase == .paused { enter(.progressing, "let go on by hand") }
        return nil
    }

    private mutating func pause(actor: String?) -> String? {
        guard steerable != nil else { return "no rollout is under way: phase is \(state.phase.rawValue)" }
        guard state.phase != .preparing else { return "the candidate is still loading; pause it when it takes traffic" }
        hold(.byOperator(actor), "paused by \(actor ?? "an operator")", actor: actor)
        return nil
    }

    private mutating func resume(actor: String?) -> String? {
        if state.isSuspended {
            state.isSuspended = false
            record(.unsuspended, "resumed by \(actor ?? "an operator")", actor: actor)
            return nil
        }
        guard let rollout = steerable, state.phase == .paused else {
            return "nothing is paused: phase is \(state.phase.rawValue)"
        }
        if let failed = rollout.failedGate {
            return
                "gate \(failed.spec.name) failed; 'mlctl retry' drops its evidence, 'mlctl promote' overrides it, 'mlctl abort' rolls back"
        }
        if rollout.hold == nil { state.rollout?.isStepApproved = true }
        if rollout.hold == .insufficientEvidence { state.rollout?.progressSpent = .zero }
        state.rollout?.hold = nil
        enter(.progressing, "resumed")
        record(.resumed, "resumed by \(actor ?? "an operator")", about: rollout.candidate, actor: actor)
        return nil
    }

    private mutating func abort(actor: String?) -> String? {
        guard let rollout = state.rollout, rollout.withdrawal == nil, state.phase != .promoting else {
            return "no rollout is under way: phase is \(state.phase.rawValue)"
        }
        guard rollout.purpose != .restore else { return "a rollback is under way; let it finish" }
        withdraw("aborted by \(actor ?? "an operator")", outcome: .aborted, quarantines: true, actor: actor)
        return nil
    }

    private mutating func retry(actor: String?) -> String? {
        if steerable != nil, state.phase == .paused {
            restartEvidence()
            record(.retried, "started again, with new evidence", about: state.rollout?.candidate, actor: actor)
            enter(.progressing, "started again")
            return nil
        }
        let wanted = state.settings.template.revision
        guard state.quarantine(of: wanted) != nil else {
            return "revision \(wanted), which git asks for, is not in quarantine"
        }
        state.quarantined.removeAll { $0.revision == wanted }
        record(.retried, "revision \(wanted) may be tried again", actor: actor)
        return nil
    }

    private mutating func restartEvidence() {
        guard var rollout = state.rollout else { return }
        rollout.judgement = .init(
            gates: gates(for: rollout.purpose),
            falseRollbackRate: state.settings.rollout.falseRollbackRate,
            missedRegressionRate: state.settings.rollout.missedRegressionRate, startedAt: now)
        rollout.announced = [:]
        rollout.overriddenGates = []
        rollout.hold = nil
        rollout.stepIndex = 0
        rollout.stepStartedAt = now
        rollout.isStepApproved = false
        rollout.progressSpent = .zero
        rollout.weight = 0
        rollout.mirror = 0
        rollout.hasBegunSteps = false
        rollout.ledgers = [:]
        rollout.counterTurns = [:]
        state.rollout = rollout
    }

    private mutating func rollback(to revision: Revision?, actor: String?) -> String? {
        let who = actor ?? "an operator"
        if let rollout = state.rollout, rollout.withdrawal == nil, rollout.purpose != .restore,
            revision == nil || revision == state.stable?.revision
        {
            guard state.phase != .promoting else {
                return "the promotion is just being finished; try again in a moment"
            }
            withdraw("rolled back by \(who)", outcome: .rolledBack, quarantines: true, actor: actor)
            return nil
        }
        guard state.rollout == nil else { return "a rollout is under way; 'mlctl abort' ends it" }
        guard let stable = state.stable else { return "nothing serves that could be rolled back" }
        let earlier = state.history.first { record in
            revision.map { record.deployed.revision == $0 }
                ?? (record.outcome == .replaced && record.deployed.revision != stable.revision)
        }
        guard let earlier, earlier.deployed.revision != stable.revision else {
            return revision.map { "no earlier revision \($0) is known; 'mlctl history' lists them" }
                ?? "there is no earlier revision to go back to"
        }
        quarantine(stable, "rolled back by \(who)", actor: actor)
        state.quarantined.removeAll { $0.revision == earlier.deployed.revision }
        start(earlier.deployed.template, commit: earlier.deployed.commit, purpose: .restore)
        record(
            .rollingBack, "back to version \(earlier.deployed.version), asked for by \(who)", about: earlier.deployed,
            actor: actor)
        return nil
    }

    private mutating func suspend(actor: String?) -> String? {
        guard !state.isSuspended else { return "it is suspended already" }
        state.isSuspended = true
        record(.suspended, "suspended by \(actor ?? "an operator"): nothing changes until 'mlctl resume'", actor: actor)
        return nil
    }
}

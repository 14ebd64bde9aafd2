import Foundation
import ModelManifests

/// Carries out operators' commands. A command that would have no effect is refused with a reason and the commands that
/// work instead, and changes nothing.
extension DecisionPass {
    mutating func executeCommands() {
        for command in inputs.commands {
            obeyed = command
            defer { obeyed = nil }
            guard let reason = obey(command) else { continue }
            refusals.append(.init(command: command, reason: "\(reason). \(whatWorks)"))
        }
    }

    /// - Returns: why the command is refused, or nil.
    private mutating func obey(_ command: OperatorCommand) -> String? {
        if state.isRemoved { return "its manifest was removed from git; put it back first" }
        let kind = CommandKind(command.verb)
        if kind == .retry, let tried = retryUnpinnedModel(actor: command.actor) { return tried.reason }
        guard PhaseTable.row(state.phase).commands.contains(kind) else { return refusal(of: kind) }
        switch command.verb {
        case .promote(let promotion): return promote(promotion, actor: command.actor)
        case .pause: return pause(actor: command.actor)
        case .resume: return resume(actor: command.actor)
        case .abort: return abort(actor: command.actor)
        case .retry: return retry(actor: command.actor)
        case .rollback(let revision, let force): return rollback(to: revision, force: force, actor: command.actor)
        case .suspend: return suspend(actor: command.actor)
        }
    }

    /// Why a command is not possible in this phase.
    private func refusal(of kind: CommandKind) -> String {
        let phase = state.phase
        return switch (kind, phase) {
        case (_, .rollingBack): "it is already being rolled back, which ends by itself"
        case (.promote, .promoting): "it is already being promoted, which ends by itself"
        case (.pause, .preparing): "the candidate is still loading, and has no traffic yet"
        case (.pause, .promoting): "it is being promoted, and there is no step left to pause at"
        case (.rollback, .idle): "nothing serves that could be rolled back"
        case (.retry, _): "there is nothing to retry: phase is \(phase.rawValue)"
        default: "no rollout is in progress: phase is \(phase.rawValue)"
        }
    }

    /// The commands that work now, found by trying each on a copy. The list ends with one that always works.
    private var whatWorks: String {
        let name = state.key.argument
        let working = CommandKind.allCases.filter { kind in
            guard kind != .suspend else { return false }
            var trial = self
            return trial.obey(OperatorCommand(kind.verb)) == nil
        }
        let named = working.map { "'mlctl \($0.rawValue) \(name)'" } + ["'mlctl status \(name)'"]
        return "Commands that work now: \(named.joined(separator: ", "))"
    }

    private func who(_ actor: String?) -> String {
        let proved = actor ?? "an operator"
        return obeyed?.claimedActor.map { "\(proved), who claims to be '\($0)'" } ?? proved
    }

    // MARK: - Onwards

    private mutating func promote(_ promotion: OperatorCommand.Promotion, actor: String?) -> String? {
        guard let rollout = state.rollout else { return refusal(of: .promote) }
        if let reason = policyRefusal(rollout) { return reason }
        if isSuspended { return "it is suspended, so nothing would change: \(liftingText) first" }
        switch rollout.stage {
        case .preparing(let preparing): return skipChecks(rollout, preparing, promotion, actor: actor)
        case .stepping, .probation, .promoting: break
        case .rollingBack: return refusal(of: .promote)
        }
        guard capacity.candidate.ready > 0 else {
            return "no instance of the candidate is ready to get traffic (\(notReadyReason(rollout.candidate)))"
        }
        guard promotion.isForced || capacity.isCandidateReady else {
            return "only \(capacity.candidate.ready) of \(capacity.candidateNeeded) instances are ready "
                + "(\(notReadyReason(rollout.candidate))); '--force' moves traffic to it anyway"
        }
        if let stepping = rollout.stepping, stepping.current == nil, !promotion.isFull {
            return "its next step is about to begin; try again"
        }
        record(.approved, approvalText(promotion, actor), about: rollout.candidate, actor: actor)
        if promotion.isForced { state.rollout?.isForced = true }
        if let failed = rollout.failedGate { state.rollout?.overriddenGates.append(failed.spec.name) }
        if rollout.splitMismatch != nil { state.rollout?.split?.isOverridden = true }
        if case .probation = rollout.stage {
            state.rollout?.hold = nil
            concludeProbation(.promoted, "ended by \(who(actor))")
            return nil
        }
        let isFull = promotion.isFull
        let marks = state.settings.rollout.marks
        transition(.promoted, "approved by \(who(actor))") { state in
            state.rollout?.hold = nil
            // Otherwise a deadline that has passed would hold the next step at once.
            state.rollout?.progressSpent = .zero
            state.rollout?.stageSpent = .zero
            if isFull { state.rollout?.stepping?.skip(to: marks) }
            state.rollout?.stepping?.isApproved = true
        }
        return nil
    }

    private func approvalText(_ promotion: OperatorCommand.Promotion, _ actor: String?) -> String {
        let forced = promotion.isForced && !capacity.isCandidateReady ? ", although not all instances are ready" : ""
        return (promotion.isFull ? "promoted in full" : "approved") + " by \(who(actor))\(forced)"
    }

    private mutating func skipChecks(
        _ rollout: Rollout, _ preparing: Preparing, _ promotion: OperatorCommand.Promotion, actor: String?
    ) -> String? {
        let waiting = rollout.waitingBeforeTraffic
        guard promotion.skipsChecks else {
            if capacity.isCandidateReady, !waiting.isEmpty {
                return "it is judged before any traffic by \(waiting.joined(separator: ", ")); "
                    + "'--skip-checks' skips that, and is recorded in the audit trail"
            }
            return "the candidate is still loading, and no step is waiting: \(notReadyReason(rollout.candidate))"
        }
        guard !waiting.isEmpty, !preparing.skipsChecks else { return "there is no check to skip" }
        record(
            .approved, "checks skipped by \(who(actor)): \(waiting.joined(separator: ", "))", about: rollout.candidate,
            actor: actor)
        transition(.promoted, nil) { state in
            state.rollout?.stage = .preparing(Preparing(isLoaded: preparing.isLoaded, skipsChecks: true))
            state.rollout?.overriddenGates += waiting
            state.rollout?.hold = nil
            state.rollout?.progressSpent = .zero
        }
        return nil
    }

    private mutating func pause(actor: String?) -> String? {
        guard let rollout = state.rollout else { return refusal(of: .pause) }
        if case .byOperator? = rollout.hold { return "it is already paused" }
        if let hold = rollout.hold, hold.needsPerson { return "it already waits for a person" }
        hold(.byOperator(actor), .paused, "paused by \(who(actor))", actor: actor)
        return nil
    }

    /// Ends a hold by a person or a deadline. It approves nothing, and starts no clock that was not running.
    private mutating func resume(actor: String?) -> String? {
        if state.isSuspended {
            state.isSuspended = false
            record(.unsuspended, "resumed by \(who(actor))", actor: actor)
            return nil
        }
        if state.settings.suspend { return "it is suspended by its manifest: set 'suspend: false' in git" }
        guard let rollout = state.rollout, rollout.phase == .paused else { return "nothing is paused" }
        switch rollout.hold {
        case .gateFailed(let name)?:
            return "gate \(name) failed: 'mlctl retry' drops its evidence, 'mlctl promote' overrides it, "
                + "'mlctl abort' rolls back"
        case .unavailable(let reason)?: return reason
        case .splitMismatch(let reason)?:
            return "\(reason): 'mlctl promote' continues anyway, 'mlctl retry' drops the evidence, "
                + "'mlctl abort' rolls back"
        case .stepsEdited?:
            return "its steps changed after the last one was done, and 'mlctl resume' does not approve them"
        case .outsidePolicy?: return policyRefusal(rollout)
        case .byOperator?, .insufficientEvidence?, .trafficUnconfirmed?: break
        case nil:
            let step = rollout.stepping?.current?.step
            if case .pause(_?)? = step?.action { return "the pause ends by itself; 'mlctl promote' ends it now" }
            return "it waits for an approval, which 'mlctl promote' gives"
        }
        let isDeadline = rollout.hold?.needsPerson == false
        transition(.resumed, "resumed by \(who(actor))") { state in
            state.rollout?.hold = nil
            guard isDeadline else { return }
            state.rollout?.progressSpent = .zero
            state.rollout?.stageSpent = .zero
        }
        record(.resumed, "resumed by \(who(actor))", about: rollout.candidate, actor: actor)
        return nil
    }

    private mutating func retry(actor: String?) -> String? {
        if let rollout = state.rollout, rollout.phase == .paused {
            if let reason = policyRefusal(rollout) { return reason }
            let gates = gates(for: rollout.purpose, room: rollout.room)
            let now = now
            transition(.retried, "started again by \(who(actor)), with new evidence") { state in
                let settings = state.settings
                state.rollout?.restart(settings: settings, gates: gates, now: now)
            }
            record(.retried, "started again, with new evidence", about: rollout.candidate, actor: actor)
            return nil
        }
        let wanted = state.settings.template.revision
        guard state.quarantine(of: wanted) != nil || state.postponed?.revision == wanted else {
            return "revision \(wanted), which git asks for, is not held back" + heldBackText
        }
        if let reason = reasonNotToRetry { return reason }
        state.quarantined.removeAll { $0.revision == wanted }
        state.postponed = nil
        record(.retried, "revision \(wanted) may be tried again", actor: actor)
        return nil
    }

    /// Why nothing would begin now. What is allowed later, or resumed, must not begin by a command that was given before.
    private var reasonNotToRetry: String? {
        let version = state.settings.template.model.version
        if let reason = inputs.forbidden?[state.settings.template.revision] {
            return RolloutState.refusedRetryText(version, reason)
        }
        if isSuspended { return "it is suspended, so nothing would change: \(liftingText) first" }
        if case .manifest = inputs.desired { return nil }
        return "git's manifest is not followed now, so nothing would change"
            + (inputs.notFollowed.map { ": \($0)" } ?? "")
    }

    /// The revisions that are held back besides what git asks for, and how to go back to them all the same.
    private var heldBackText: String {
        let others = (state.quarantined + state.passedOver).map {
            "version \($0.version) (\($0.reason); 'mlctl rollback \(state.key.argument) --to \($0.revision) --force' goes back to it)"
        }
        return others.isEmpty ? "" : ". Held back from a rollback: \(others.joined(separator: ", "))"
    }

    private mutating func suspend(actor: String?) -> String? {
        guard !state.isSuspended else { return "it is already suspended: 'mlctl resume' lifts it" }
        state.isSuspended = true
        record(.suspended, "suspended by \(who(actor)): nothing changes until 'mlctl resume'", actor: actor)
        return nil
    }

    private var liftingText: String {
        state.settings.suspend ? "set 'suspend: false' in git" : "'mlctl resume'"
    }

    // MARK: - Back

    private mutating func abort(actor: String?) -> String? {
        guard let rollout = state.rollout, rollout.withdrawal == nil else { return refusal(of: .abort) }
        // A person who cancels a rollback wants to keep the revision that serves, so it is no longer quarantined.
        if rollout.purpose == .restore, let stable = state.stable {
            state.quarantined.removeAll { $0.revision == stable.revision }
        }
        withdraw(
            .aborted, "aborted by \(who(actor))",
            .byPerson(.aborted, actor: actor, isBad: false, quarantines: rollout.purpose != .restore))
        return nil
    }

    private mutating func rollback(to prefix: String?, force: Bool, actor: String?) -> String? {
        if let rollout = state.rollout, rollout.withdrawal == nil, rollout.purpose != .restore {
            guard prefix == nil || state.stable?.revision.rawValue.hasPrefix(prefix ?? "") == true else {
                return "a rollout is in progress: end it with 'mlctl abort', and roll back further after that"
            }
            withdraw(
                .rolledBack, "rolled back by \(who(actor))",
                .byPerson(
                    .rolledBack, actor: actor, isBad: state.stable.map { observed.ready($0.revision) > 0 } ?? true,
                    quarantines: true))
            return nil
        }
        guard let left = state.rollout?.candidate ?? state.stable, let stable = state.stable else {
            return "nothing serves that could be rolled back"
        }
        if isSuspended { return "it is suspended, so nothing would change: \(liftingText) first" }
        let target: DeployedRevision
        switch RollbackTarget(state, leaving: left, forbidden: inputs.forbidden ?? [:]).find(prefix, force: force) {
        case .success(let found): target = found
        case .failure(let refusal): return refusal.reason
        }
        let reason = "rolled back by \(who(actor))"
        quarantine(stable, reason, actor: actor)
        let wanted = state.settings.template
        if wanted != stable.template, wanted != target.template, state.quarantine(of: wanted.revision) == nil {
            quarantine(DeployedRevision(template: wanted, commit: state.commit, startedAt: now), reason, actor: actor)
        }
        state.quarantined.removeAll { $0.revision == target.revision }
        start(target.template, commit: target.commit, purpose: .restore, event: .rolledBack)
        record(
            .rollingBack,
            "from version \(stable.version) back to version \(target.version), requested by \(who(actor))",
            about: target, actor: actor)
        return nil
    }
}

extension Stepping {
    /// An operator skips all remaining steps except the last.
    mutating func skip(to marks: [ResolvedStep]) {
        done = Array(marks.dropLast())
        current = marks.last
        awaitsAvailability = false
    }
}

extension Rollout {
    /// Starts again, without any evidence.
    mutating func restart(settings: ModelDeployment, gates: [GateSpec], now: Date) {
        self = Rollout(
            candidate: candidate, purpose: purpose, keeping: self, settings: settings, gates: gates, now: now)
    }

    private init(
        candidate: DeployedRevision, purpose: Purpose, keeping old: Rollout, settings: ModelDeployment,
        gates: [GateSpec], now: Date
    ) {
        self.init(candidate: candidate, purpose: purpose, settings: settings, gates: gates, now: now)
        strategy = old.strategy
        room = old.room
    }
}

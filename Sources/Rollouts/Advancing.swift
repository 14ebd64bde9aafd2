import Foundation
import ModelManifests
import Serving

/// The phase machine: one transition at a time, as far as the observation allows. `PhaseTable` lists the allowed
/// transitions.
extension DecisionPass {
    /// - Returns: whether something changed, so that another transition may follow.
    mutating func advance() -> Bool {
        guard let rollout = state.rollout else { return false }
        if rollout.withdrawal == nil, let reason = cannotServe(rollout.candidate) {
            withdraw(.candidateFailed, reason, .failure)
            return true
        }
        // It is not known yet whether its evidence is of what it should be.
        if rollout.isSplitInDoubt, rollout.hasBegunSteps, rollout.withdrawal == nil, rollout.hold == nil {
            return false
        }
        switch rollout.stage {
        case .preparing(let preparing):
            let leadsOn = prepare(rollout, preparing)
            // When the steps begin, all wanted instances are ready. An instance that is not ready at the next look is
            // missing.
            noteAvailability()
            return leadsOn
        case .stepping(let stepping): return advanceStep(rollout, stepping)
        case .promoting: return finishPromotion(rollout)
        case .probation(let probation): return watchProbation(rollout, probation)
        case .rollingBack(let back): return finishRollback(rollout, back)
        }
    }

    // MARK: - Limits

    /// Adds the time since the last look to the limit that is running. A limit runs while the next change should come
    /// by itself.
    mutating func spendTime() {
        guard let rollout = state.rollout, !isSuspended else { return }
        let spent = min(max(.zero, .seconds(now.timeIntervalSince(lastLook))), Self.countedGapLimit)
        switch rollout.phase {
        case .preparing, .progressing: state.rollout?.progressSpent += spent
        case .promoting, .probation, .rollingBack: state.rollout?.stageSpent += spent
        case .idle, .paused, .healthy, .degraded, .rolledBack, .failed: break
        }
    }

    var progressDeadline: Duration { state.settings.rollout.progressDeadline }

    private var isDeadlineOver: Bool { (state.rollout?.progressSpent ?? .zero) >= progressDeadline }

    // MARK: - Preparing

    private mutating func prepare(_ rollout: Rollout, _ preparing: Preparing) -> Bool {
        guard !isSuspended, !rollout.isOutsidePolicy else { return false }
        guard capacity.isCandidateReady else {
            guard isDeadlineOver, rollout.hold == nil else { return false }
            let within = "not ready within \(progressDeadline.goText): \(notReadyReason(rollout.candidate))"
            withdraw(.limitPassed, within, isBlocked(rollout.candidate) ? .machine : .failure)
            return true
        }
        if rollout.purpose == .restore {
            beginPromotion(.candidateReady, "the earlier revision is ready")
            return true
        }
        guard rollout.passesBeforeTraffic || preparing.skipsChecks else {
            if !preparing.isLoaded {
                state.rollout?.stage = .preparing(Preparing(isLoaded: true, skipsChecks: false))
                state.message = "judged before any traffic: \(rollout.waitingBeforeTraffic.joined(separator: ", "))"
            }
            return isDeadlineOver && rollout.hold == nil ? deadlinePassed(rollout) : false
        }
        let now = now
        transition(rollout.hold == nil ? .candidateReady : .released, "the candidate is ready") { state in
            state.rollout?.hold = nil
            state.rollout?.judgement.begin(at: now)
            state.rollout?.stage = .stepping(Stepping(begunAt: now))
        }
        return true
    }

    /// Why this revision will not serve, however long one waits. Nil if it may.
    func cannotServe(_ deployed: DeployedRevision) -> String? {
        let instances = observed.instances.filter { $0.revision == deployed.revision }
        if let failed = instances.first(where: { $0.condition == .failed }) {
            return "instance \(failed.id) cannot serve: \(failed.reason ?? "it gave no reason")"
        }
        return crashLoop(of: deployed, instances)
    }

    func notReadyReason(_ deployed: DeployedRevision) -> String {
        let instances = observed.instances.filter { $0.revision == deployed.revision && $0.condition != .ready }
        return instances.compactMap(\.reason).first
            ?? "its probes do not pass; 'mlctl logs \(state.key.argument)' shows what it prints"
    }

    /// Whether the machine, and not the model, prevents the start.
    func isBlocked(_ deployed: DeployedRevision) -> Bool {
        let missing = observed.instances.filter { $0.revision == deployed.revision && $0.condition != .ready }
        return missing.contains { $0.condition == .blocked }
            && missing.allSatisfy { [.blocked, .fetching, .starting, .draining].contains($0.condition) }
    }

    // MARK: - Steps

    private mutating func advanceStep(_ rollout: Rollout, _ stepping: Stepping) -> Bool {
        guard !isSuspended, !isEdited else { return false }
        if let hold = rollout.hold { return release(hold, rollout) }
        guard let current = stepping.current else { return beginStep(rollout, stepping) }
        guard isDone(current.step, of: rollout, stepping) else {
            return isDeadlineOver && rollout.phase == .progressing ? deadlinePassed(rollout) : false
        }
        guard canAdvance(rollout) else { return awaitAvailability(rollout, stepping) }
        if case .setWeight(100) = current.step.action {
            let passes = rollout.allGatesPass ? "every gate passes" : "every gate before the switch passes"
            beginPromotion(.stepsDone, stepping.isApproved ? "approved by an operator" : passes)
        } else {
            state.rollout?.stepping?.done.append(current)
            state.rollout?.stepping?.current = nil
        }
        return true
    }

    /// Begins the next step: its weight, or its wait. If no stable revision runs, there is no traffic to move and
    /// nothing to compare with, so only approvals and checks remain.
    private mutating func beginStep(_ rollout: Rollout, _ stepping: Stepping) -> Bool {
        let marks = state.settings.rollout.marks
        let index = rollout.nextApplicableStep(from: stepping.done.count, of: marks)
        guard index < marks.count else {
            guard canAdvance(rollout) else {
                return isDeadlineOver && rollout.phase == .progressing ? deadlinePassed(rollout) : false
            }
            beginPromotion(.stepsDone, "all steps are done")
            return true
        }
        var next = stepping
        next.done = Array(marks.prefix(index))
        next.current = marks[index]
        next.begunAt = now
        next.isApproved = false
        next.awaitsAvailability = false
        next.applyShares(of: marks[index].step)
        transition(.stepBegan, marks[index].step.text) { $0.rollout?.stage = .stepping(next) }
        record(
            .stepStarted, "step \(index + 1) of \(marks.count): \(marks[index].step.text)", about: rollout.candidate)
        return true
    }

    /// A step ends, and a promotion begins, only while the candidate has all the instances that it should have now, and
    /// its requested share is confirmed.
    func canAdvance(_ rollout: Rollout) -> Bool {
        rollout.isForced || (capacity.isCandidateReady && isShareConfirmed(rollout))
    }

    func isShareConfirmed(_ rollout: Rollout) -> Bool {
        let candidate = rollout.candidate.revision
        func confirms(_ shares: [Revision: Int]?, _ share: Int) -> Bool {
            shares.map { $0[candidate] ?? 0 == share } ?? (share == 0)
        }
        return confirms(observed.weights, rollout.weight) && confirms(observed.mirrors, rollout.mirror)
    }

    /// When a pause is over but the candidate is not available, the step continues, but no longer as a pause: the
    /// deadline runs.
    private mutating func awaitAvailability(_ rollout: Rollout, _ stepping: Stepping) -> Bool {
        if stepping.isPausing {
            transition(.instancesAwaited, nil) { $0.rollout?.stepping?.awaitsAvailability = true }
            return false
        }
        return isDeadlineOver && rollout.phase == .progressing ? deadlinePassed(rollout) : false
    }

    private func isDone(_ step: RolloutStep, of rollout: Rollout, _ stepping: Stepping) -> Bool {
        if stepping.isApproved { return true }
        switch step.action {
        case .setWeight(100): return rollout.passesForPromotion
        case .setWeight, .mirror: return step.advance == .done || rollout.allGatesPass
        case .pause(let duration):
            // Without gates there is no evidence that could end the pause early.
            if step.advance == .evidence, rollout.isJudged, rollout.allGatesPass { return true }
            return duration.map { now.timeIntervalSince(stepping.begunAt) >= $0 / .seconds(1) } ?? false
        case .gate(let name): return rollout.passes(name)
        case .approval: return false
        }
    }

    /// Ends the hold if its reason is gone.
    private mutating func release(_ hold: Rollout.Hold, _ rollout: Rollout) -> Bool {
        let isOver =
            switch hold {
            case .insufficientEvidence: rollout.allGatesPass
            case .trafficUnconfirmed: isShareConfirmed(rollout)
            case .gateFailed(let name): rollout.judgement.evidence(of: name)?.spec.warnOnly == true
            case .byOperator, .unavailable, .stepsEdited, .splitMismatch, .outsidePolicy: false
            }
        guard isOver else { return false }
        let text =
            switch hold {
            case .insufficientEvidence: "all gates pass now"
            case .gateFailed(let name): "gate \(name) only warns now"
            default: "the data plane confirms the traffic now"
            }
        transition(.released, text) { state in
            state.rollout?.hold = nil
            state.rollout?.stageSpent = .zero
            state.rollout?.progressSpent = .zero
        }
        record(.resumed, text, about: rollout.candidate)
        return true
    }

    private mutating func deadlinePassed(_ rollout: Rollout) -> Bool {
        let within = "within \(progressDeadline.goText)"
        guard capacity.isCandidateReady || rollout.isForced else {
            withdraw(
                .limitPassed, "not all instances were ready \(within): \(notReadyReason(rollout.candidate))",
                isBlocked(rollout.candidate) ? .machine : .failure)
            return true
        }
        guard isShareConfirmed(rollout) else {
            hold(.trafficUnconfirmed, .limitPassed, unconfirmedText(rollout))
            return true
        }
        let lacking = rollout.insufficientGates
        let reason =
            "not enough data \(within) for "
            + (lacking.isEmpty ? "this step" : lacking.joined(separator: ", "))
        switch state.settings.rollout.onInsufficient {
        case .pause:
            let command = rollout.hasBegunSteps ? "mlctl promote" : "mlctl promote --skip-checks"
            hold(.insufficientEvidence, .limitPassed, "\(reason); continues when all gates pass, or with '\(command)'")
        case .rollback: withdraw(.limitPassed, reason, .failure)
        case .promote: beginPromotion(.limitPassed, "\(reason); promoted because of 'onInsufficient: promote'")
        }
        return true
    }

    private func unconfirmedText(_ rollout: Rollout) -> String {
        let seen =
            observed.weights.map { "it reports \($0[rollout.candidate.revision] ?? 0) %" } ?? "it does not answer"
        return
            "the data plane has not confirmed a share of \(rollout.weight) % for \(progressDeadline.goText) (\(seen)); "
            + "the rollout continues when it does, or ends with 'mlctl abort'"
    }

    // MARK: - Promotion and probation

    mutating func beginPromotion(_ event: PhaseEvent, _ reason: String) {
        transition(event, reason) { state in
            state.rollout?.stage = .promoting
            state.rollout?.stageSpent = .zero
            state.rollout?.hold = nil
        }
        record(.promoting, reason, about: state.rollout?.candidate)
    }

    private mutating func finishPromotion(_ rollout: Rollout) -> Bool {
        if let hold = rollout.hold { return release(hold, rollout) }
        let isConfirmed = isShareConfirmed(rollout)
        let isComplete = capacity.isPromoted || rollout.isForced
        guard isConfirmed, isComplete else {
            guard rollout.stageSpent >= progressDeadline else { return false }
            if isComplete {
                hold(.trafficUnconfirmed, .limitPassed, unconfirmedText(rollout))
            } else {
                let text =
                    "the promotion was not complete within \(progressDeadline.goText): \(notReadyReason(rollout.candidate))"
                withdraw(.limitPassed, text, isBlocked(rollout.candidate) ? .machine : .failureThatServes)
            }
            return true
        }
        guard let probation = state.settings.rollout.probation, rollout.purpose == .release else {
            concludePromotion(.trafficMoved)
            return true
        }
        let text = "on probation for \(probation.duration.goText)"
        // If the old revision has already stopped, no share is held back for it.
        let weight = rollout.room == .recreate ? 100 : 100 - probation.holdback
        let now = now
        transition(.trafficMoved, text) { state in
            state.rollout?.stage = .probation(OnProbation(begunAt: now, weight: weight))
            state.rollout?.stageSpent = .zero
        }
        record(.probationStarted, text, about: rollout.candidate)
        return true
    }

    private mutating func watchProbation(_ rollout: Rollout, _ probation: OnProbation) -> Bool {
        if let hold = rollout.hold { return release(hold, rollout) }
        let duration = state.settings.rollout.probation?.duration ?? .zero
        guard !isSuspended, now.timeIntervalSince(probation.begunAt) >= duration / .seconds(1) else { return false }
        guard canEndProbation(rollout) else {
            guard rollout.stageSpent >= duration + progressDeadline else { return false }
            if capacity.isCandidateReady {
                hold(.trafficUnconfirmed, .limitPassed, unconfirmedText(rollout))
            } else {
                withdraw(
                    .limitPassed, "not all instances were ready when its probation was over", .failure)
            }
            return true
        }
        concludeProbation(.probationOver, "passed")
        return true
    }

    /// A candidate that fails a gate or is not available becomes stable only if a person decides so.
    func canEndProbation(_ rollout: Rollout) -> Bool {
        rollout.failedGate == nil && !rollout.isSplitInDoubt && canAdvance(rollout)
    }

    mutating func concludeProbation(_ event: PhaseEvent, _ reason: String) {
        record(.probationEnded, "probation \(reason)", about: state.rollout?.candidate)
        concludePromotion(event)
    }

    /// The candidate becomes stable, with the same instances that were evaluated.
    private mutating func concludePromotion(_ event: PhaseEvent) {
        guard let rollout = state.rollout else { return }
        let promoted = rollout.candidate
        let left = state.stable
        let text =
            switch rollout.purpose {
            case .first: "version \(promoted.version) serves"
            case .release: "version \(promoted.version) was promoted"
            case .restore:
                "version \(promoted.version) is back\(left.map { " in place of version \($0.version)" } ?? "")"
            }
        if let left { remember(left, .replaced, "replaced by version \(promoted.version)") }
        record(.promoted, text, about: promoted)
        let isWanted = state.settings.template == promoted.template
        let ready = observed.ready(promoted.revision)
        let now = now
        transition(event, isWanted ? text : "\(text); git's version is held back") { state in
            if ready < state.settings.replicas, !rollout.isForced {
                state.growth = Growth(from: max(ready, 1), since: now)
            }
            state.stable = promoted
            state.postponed = nil
            state.course = .resting(
                RestingState(
                    setback: isWanted ? nil : RestingState.HeldBackReason(reason: text, version: left?.version)))
        }
    }

    // MARK: - Rollback

    private mutating func finishRollback(_ rollout: Rollout, _ back: RollingBack) -> Bool {
        var event = PhaseEvent.trafficMoved
        if let stable = state.stable {
            if back.weight > 0, observed.ready(stable.revision) > 0 || observed.ready(rollout.candidate.revision) == 0 {
                var next = back
                next.weight = 0
                state.rollout?.stage = .rollingBack(next)
            }
            let isMoved = observed.weights?[stable.revision] == 100
            let isOver = isMoved && (capacity.isStableBack || cannotServe(stable) != nil)
            if !isOver {
                guard rollout.stageSpent >= progressDeadline else { return false }
                event = .limitPassed
                record(
                    .warning,
                    "the rollback was not confirmed within \(progressDeadline.goText); mlctl keeps applying it",
                    about: stable)
            }
        }
        concludeRollback(event)
        return true
    }

    mutating func concludeRollback(_ event: PhaseEvent) {
        guard let rollout = state.rollout, let back = rollout.withdrawal else { return }
        remember(rollout.candidate, back.outcome, back.reason)
        let serving = state.stable.map(trafficDescription) ?? "nothing serves"
        let isWanted = state.stable?.template == state.settings.template
        // Recorded before the state drops the gates' evidence.
        record(.rolledBack, "\(serving): \(back.reason)", about: rollout.candidate, actor: back.actor)
        transition(event, back.reason) { state in
            state.course = .resting(
                RestingState(
                    setback: isWanted
                        ? nil : RestingState.HeldBackReason(reason: back.reason, version: rollout.candidate.version)))
        }
    }

    private func trafficDescription(_ stable: DeployedRevision) -> String {
        guard observed.weights?[stable.revision] == 100 else {
            return "version \(stable.version) should have all traffic, but the data plane has not confirmed it"
        }
        guard observed.ready(stable.revision) > 0 else {
            return "all traffic goes to version \(stable.version), but none of its instances is ready"
        }
        return "all traffic is on version \(stable.version)"
    }
}

extension Rollout {
    /// The step at `index`, or the first later one that applies to this rollout.
    func nextApplicableStep(from index: Int, of marks: [ResolvedStep]) -> Int {
        guard purpose == .first || room == .recreate, index < marks.count else { return index }
        return marks[index...].firstIndex(where: appliesWithoutTraffic) ?? marks.count
    }

    /// Steps that still make sense if no stable revision runs.
    private func appliesWithoutTraffic(_ mark: ResolvedStep) -> Bool {
        switch mark.step.action {
        case .approval: true
        case .gate(let name): judgement.evidence(of: name)?.spec.isCheck == true
        case .setWeight, .mirror, .pause: false
        }
    }
}

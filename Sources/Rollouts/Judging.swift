import Analysis
import Foundation
import ModelManifests
import Serving

/// From readings to verdicts, and from a failed gate to its consequences.
extension DecisionPass {
    mutating func gatherEvidence() {
        guard var rollout = state.rollout, rollout.withdrawal == nil, let readings = inputs.readings else { return }
        absorb(readings, from: MetricSourceName.proxy, into: &rollout)
        watchSplit(readings, of: &rollout)
        state.rollout = rollout
    }

    private func watchSplit(_ readings: [Reading], of rollout: inout Rollout) {
        guard let stable = state.stable?.revision else { return }
        let candidate = rollout.candidate.revision
        var watch = rollout.split ?? SplitWatch()
        watch.look(
            at: readings, stable: stable, candidate: candidate, share: rollout.weight,
            isInForce: observed.weights?[candidate] == rollout.weight, now: now)
        rollout.split = watch.isEmpty ? nil : watch
    }

    mutating func absorb(_ readings: [Reading], from source: String, into rollout: inout Rollout) {
        let look = rollout.ledgers[source, default: EvidenceLedger()].look(
            at: readings, stable: state.stable?.revision, candidate: rollout.candidate.revision,
            slowEdges: rollout.judgement.slowEdgesOfSlices,
            measuresCosts: rollout.judgement.evidence.contains(where: \.spec.isOfCost))
        switch look {
        case .opening(let stableHistory):
            rollout.judgement.learn(stableHistory: stableHistory, source: source)
            guard source == MetricSourceName.proxy else { break }
            absorbed.append(
                Interval(at: now, source: Interval.stableHistory, stable: stableHistory, candidate: SideCounts()))
        case .interval(var stable, var candidate):
            if !lacksOrLackedInstances(rollout) { candidate.forgetUnavailable() }
            if !isOrWasStableShort { stable.forgetUnavailable() }
            let interval = Interval(at: now, source: source, stable: stable, candidate: candidate)
            rollout.judgement.absorb(interval)
            absorbed.append(interval)
        }
    }

    /// Requests that a revision did not serve count against it only if some of its instances were missing, at this look
    /// or at the one before. If all were ready, the data plane did not know them yet, which is not the model's fault.
    private func lacksOrLackedInstances(_ rollout: Rollout) -> Bool {
        capacity.candidate.ready < capacity.candidateNeeded || rollout.availability.unavailableSince != nil
    }

    private var isOrWasStableShort: Bool {
        state.shortage != nil || capacity.stable.ready < capacity.stableReplicas
    }

    /// Records new verdicts, and acts on a failure at once, in every stage.
    mutating func judge() {
        guard let rollout = state.rollout, rollout.withdrawal == nil else { return }
        for gate in rollout.judgement.evidence where rollout.announced[gate.spec.name] != gate.verdict {
            announce(gate, of: rollout.candidate)
        }
        if let failed = rollout.failedGate {
            fail("gate \(failed.spec.name) failed: \(failed.reason)", .gateFailed(failed.spec.name), .failure)
        } else if let reason = unavailability(rollout) {
            fail(reason, .unavailable(reason), isBlocked(rollout.candidate) ? .machine : .failure)
        } else if let reason = rollout.splitMismatch, rollout.hold?.needsPerson != true,
            rollout.isSplitForPerson(at: now)
        {
            hold(.splitMismatch(reason), .held, reason)
        }
    }

    private mutating func fail(_ reason: String, _ hold: Rollout.Hold, _ withdrawal: WithdrawalReason) {
        switch state.settings.rollout.onFailure {
        case .rollback: withdraw(.candidateFailed, reason, withdrawal)
        case .pause:
            guard case .outsidePolicy(let rule, let beside)? = state.rollout?.hold else {
                return failPausing(reason, hold)
            }
            guard beside != hold else { return }
            state.rollout?.hold = .outsidePolicy(rule, beside: hold)
            record(.paused, reason, about: state.rollout?.candidate)
        }
    }

    private mutating func failPausing(_ reason: String, _ hold: Rollout.Hold) {
        // This hold replaces any other, because the other might end by itself.
        if state.rollout?.hold != hold { self.hold(hold, .candidateFailed, reason) }
    }

    private mutating func announce(_ gate: GateEvidence, of candidate: DeployedRevision) {
        state.rollout?.announced[gate.spec.name] = gate.verdict
        switch gate.verdict {
        case .fail where gate.spec.warnOnly:
            record(
                .gateWarned, "gate \(gate.spec.name), which only warns, would have failed: \(gate.reason)",
                about: candidate)
        case .pass: record(.gatePassed, "gate \(gate.spec.name) passed: \(gate.reason)", about: candidate)
        case .fail: record(.gateFailed, "gate \(gate.spec.name) failed: \(gate.reason)", about: candidate)
        case .insufficient: break
        }
    }

    // MARK: - Availability

    /// Starts with the first step. Before that, the deadline limits how long loading may take.
    mutating func noteAvailability() {
        guard let rollout = state.rollout, rollout.hasBegunSteps, rollout.withdrawal == nil else { return }
        let capacity = capacity
        var log = rollout.availability
        log.note(
            ready: capacity.candidate.ready, wanted: capacity.candidateNeeded, at: now, lastLook: lastLook,
            gapLimit: Self.countedGapLimit, window: state.settings.rollout.unavailabilityWindow,
            patience: progressDeadline)
        state.rollout?.availability = log
    }

    /// Why the candidate failed because it was not available. Nil if it did not.
    private func unavailability(_ rollout: Rollout) -> String? {
        guard rollout.hasBegunSteps, !rollout.isForced else { return nil }
        let spec = state.settings.rollout
        let spent = rollout.availability.unavailable(in: spec.unavailabilityWindow, at: now)
        guard spent >= spec.unavailableAfter else { return nil }
        let ready = "\(capacity.candidate.ready) of \(capacity.candidateNeeded) instances ready now"
        return "not available for \(Duration.seconds(Int(spent / .seconds(1))).goText) of the last "
            + "\(spec.unavailabilityWindow.goText) (\(ready)): \(notReadyReason(rollout.candidate))"
    }

    // MARK: - The way back

    /// Why a candidate is withdrawn, and the consequences.
    enum WithdrawalReason {
        /// The candidate is bad: it leaves the traffic at once and is quarantined.
        case failure
        /// The candidate did not get all its instances, but those that are ready serve until stable can.
        case failureThatServes
        /// The machine is the cause: the candidate is tried again later.
        case machine
        /// A person wants it out. `isBad`: at once.
        case byPerson(HistoryRecord.Outcome, actor: String?, isBad: Bool, quarantines: Bool)
        /// Git wants another template.
        case superseded

        var outcome: HistoryRecord.Outcome {
            switch self {
            case .failure, .failureThatServes, .machine: .rolledBack
            case .byPerson(let outcome, _, _, _): outcome
            case .superseded: .superseded
            }
        }

        var actor: String? { if case .byPerson(_, let actor, _, _) = self { actor } else { nil } }

        var quarantines: Bool {
            switch self {
            case .failure, .failureThatServes: true
            case .byPerson(_, _, _, let quarantines): quarantines
            case .machine, .superseded: false
            }
        }

        /// Whether it leaves the traffic even if no other revision can answer.
        var isBad: Bool {
            switch self {
            case .failure: true
            case .byPerson(_, _, let isBad, _): isBad
            case .failureThatServes, .machine, .superseded: false
            }
        }
    }

    /// Begins to take the candidate out of traffic.
    mutating func withdraw(_ event: PhaseEvent, _ reason: String, _ withdrawal: WithdrawalReason) {
        guard let rollout = state.rollout else { return }
        let candidate = rollout.candidate
        let servesAlone =
            !withdrawal.isBad && rollout.room == .drain && observed.ready(candidate.revision) > 0
            && state.stable.map { observed.ready($0.revision) == 0 } == true
        if withdrawal.quarantines { quarantine(candidate, reason, actor: withdrawal.actor) }
        if case .machine = withdrawal { postpone(candidate, reason) }
        let back = RollingBack(
            reason: reason, outcome: withdrawal.outcome, quarantines: withdrawal.quarantines,
            actor: withdrawal.actor, weight: servesAlone ? rollout.weight : 0)
        // The event is recorded with the gates as they are now.
        transition(event, reason) { state in
            state.rollout?.stage = .rollingBack(back)
            state.rollout?.stageSpent = .zero
            state.rollout?.hold = nil
        }
        record(
            withdrawal.outcome == .aborted ? .aborted : .rollingBack, reason, about: candidate, actor: withdrawal.actor)
    }

    private mutating func postpone(_ deployed: DeployedRevision, _ reason: String) {
        let before = state.postponed?.revision == deployed.revision ? state.postponed?.attempts ?? 0 : 0
        let until = now.addingTimeInterval(Postponement.delay(attempts: before + 1))
        state.postponed = Postponement(
            revision: deployed.revision, reason: reason, attempts: before + 1, until: until,
            needsChange: observed.fetchFailure(of: deployed.revision)?.needsChange == true ? true : nil)
    }

    mutating func quarantine(_ deployed: DeployedRevision, _ reason: String, actor: String? = nil) {
        state.quarantined.removeAll { $0.revision == deployed.revision }
        state.quarantined.insert(
            Quarantine(revision: deployed.revision, version: deployed.version, reason: reason, at: now), at: 0)
        state.quarantined = Array(state.quarantined.prefix(RolloutState.quarantineLimit))
        record(
            .quarantined, "not tried again until it changes, or 'mlctl retry': \(reason)", about: deployed, actor: actor
        )
    }

    mutating func hold(_ hold: Rollout.Hold, _ event: PhaseEvent, _ reason: String, actor: String? = nil) {
        transition(event, reason) { $0.rollout?.hold = hold }
        record(hold.isStuck ? .stuck : .paused, reason, about: state.rollout?.candidate, actor: actor)
    }

    mutating func remember(_ deployed: DeployedRevision, _ outcome: HistoryRecord.Outcome, _ reason: String) {
        state.history.insert(
            HistoryRecord(deployed: deployed, endedAt: now, outcome: outcome, reason: reason), at: 0)
        state.history = Array(state.history.prefix(RolloutState.historyLimit))
    }
}

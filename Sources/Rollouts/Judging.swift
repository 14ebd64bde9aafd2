import Analysis
import Foundation
import ModelManifests
import Serving

/// From readings to verdicts, and from a failed gate to what follows.
extension DecisionPass {
    mutating func gatherEvidence() {
        guard var rollout = state.rollout, rollout.withdrawal == nil, let readings = inputs.readings else { return }
        absorb(readings, from: MetricSourceName.proxy, into: &rollout)
        state.rollout = rollout
    }

    mutating func absorb(_ readings: [Reading], from source: String, into rollout: inout Rollout) {
        let look = rollout.ledgers[source, default: EvidenceLedger()].look(
            at: readings, stable: state.stable?.revision, candidate: rollout.candidate.revision)
        switch look {
        case .opening(let stableHistory):
            if source == MetricSourceName.proxy { rollout.judgement.learn(stableHistory: stableHistory) }
        case .interval(let stable, let candidate):
            let interval = Interval(at: now, source: source, stable: stable, candidate: candidate)
            rollout.judgement.absorb(interval)
            absorbed.append(interval)
        }
    }

    /// Tells what has become known, and acts on a failure at once, whatever the step.
    mutating func judgeGates() {
        guard let rollout = state.rollout, rollout.withdrawal == nil else { return }
        for gate in rollout.judgement.evidence where rollout.announced[gate.spec.name] != gate.verdict {
            announce(gate, of: rollout.candidate)
        }
        guard let failed = rollout.failedGate else { return }
        let reason = "gate \(failed.spec.name) failed: \(failed.reason)"
        switch state.settings.rollout.onFailure {
        case .rollback:
            withdraw(reason, outcome: .rolledBack, quarantines: true)
        case .pause where state.rollout?.hold == nil && state.phase != .probation && state.phase != .promoting:
            hold(.gateFailed(failed.spec.name), reason)
        case .pause:
            break
        }
    }

    private mutating func announce(_ gate: GateEvidence, of candidate: DeployedRevision) {
        state.rollout?.announced[gate.spec.name] = gate.verdict
        switch gate.verdict {
        case .pass: record(.gatePassed, "gate \(gate.spec.name) passed: \(gate.reason)", about: candidate)
        case .fail: record(.gateFailed, "gate \(gate.spec.name) failed: \(gate.reason)", about: candidate)
        case .insufficient: break
        }
    }

    /// Begins to take the candidate out of traffic. It ends in `rolledBack`, or in `healthy` where nothing was wrong with it.
    mutating func withdraw(
        _ reason: String, outcome: HistoryRecord.Outcome, quarantines: Bool, actor: String? = nil
    ) {
        guard let candidate = state.rollout?.candidate else { return }
        state.rollout?.withdrawal = .init(reason: reason, outcome: outcome, quarantines: quarantines, actor: actor)
        state.rollout?.hold = nil
        state.rollout?.weight = 0
        state.rollout?.mirror = 0
        if quarantines { quarantine(candidate, reason, actor: actor) }
        enter(.rollingBack, reason)
        record(outcome == .aborted ? .aborted : .rollingBack, reason, about: candidate, actor: actor)
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

    mutating func hold(_ hold: Rollout.Hold, _ reason: String, actor: String? = nil) {
        state.rollout?.hold = hold
        enter(.paused, reason)
        record(hold == .insufficientEvidence ? .stuck : .paused, reason, about: state.rollout?.candidate, actor: actor)
    }

    mutating func remember(_ deployed: DeployedRevision, _ outcome: HistoryRecord.Outcome, _ reason: String) {
        state.history.insert(
            HistoryRecord(deployed: deployed, endedAt: now, outcome: outcome, reason: reason), at: 0)
        state.history = Array(state.history.prefix(RolloutState.historyLimit))
    }
}

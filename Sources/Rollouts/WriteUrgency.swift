import Analysis
import Foundation

/// What a pass changed in the state, and so how soon the state must be written.
package enum WriteUrgency: Comparable, Sendable {
    /// Only the time of the look.
    case nothing
    /// Time that counts towards a limit.
    case clock
    /// Evidence that led to no decision. It may be written a little later.
    case evidence
    /// A decision, or the start of something that people are told.
    case decision
}

extension RolloutState {
    package func news(since before: RolloutState) -> WriteUrgency {
        if equalsIgnoringTime(as: before) {
            let isCounted = rollout?.progressSpent != before.rollout?.progressSpent
            return isCounted || rollout?.stageSpent != before.rollout?.stageSpent ? .clock : .nothing
        }
        return withoutEvidence.equalsIgnoringTime(as: before.withoutEvidence) ? .evidence : .decision
    }

    private func equalsIgnoringTime(as other: RolloutState) -> Bool {
        var copy = other
        copy.decidedAt = decidedAt
        if let rollout {
            copy.rollout?.progressSpent = rollout.progressSpent
            copy.rollout?.stageSpent = rollout.stageSpent
        }
        return copy == self
    }

    private var withoutEvidence: RolloutState {
        guard let rollout else { return self }
        var copy = self
        copy.rollout = rollout.withoutEvidence
        return copy
    }
}

extension Rollout {
    /// The rollout's decisions without the evidence behind them.
    fileprivate var withoutEvidence: Rollout {
        var copy = self
        copy.judgement = Judgement(
            gates: [], falseRollbackRate: judgement.falseRollbackRate,
            missedRegressionRate: judgement.missedRegressionRate, startedAt: judgement.startedAt)
        copy.availability = AvailabilityLog()
        copy.ledgers = [:]
        copy.counterTurns = [:]
        copy.split = nil
        copy.crashes = nil
        copy.selfCheck = nil
        return copy
    }
}

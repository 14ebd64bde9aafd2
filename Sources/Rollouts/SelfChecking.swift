import Analysis
import Foundation
import ModelManifests
import Serving

/// Runs the self-check of some rollouts, and counts the results: see `SelfCheck`.
extension DecisionPass {
    /// Gives the self-check the intervals that the gates have just absorbed.
    mutating func runSelfCheck() {
        guard var rollout = state.rollout, var check = rollout.selfCheck else { return }
        for interval in absorbed {
            if interval.source == Interval.stableHistory {
                check.learn(stableHistory: interval.stable)
            } else if interval.source == MetricSourceName.proxy {
                check.absorb(interval, share: Double(rollout.weight) / 100)
            }
        }
        rollout.selfCheck = check
        state.rollout = rollout
        checked = rollout
    }

    /// Counts the self-check of a rollout that has ended, as a false alarm or not.
    mutating func recordSelfCheck() {
        guard let checked, let outcome = checked.selfCheck?.outcome,
            state.rollout?.judgement.startedAt != checked.judgement.startedAt
        else { return }
        var tally = state.selfChecks ?? SelfCheckTally()
        tally.add(outcome)
        state.selfChecks = tally
    }
}

extension SelfCheck {
    /// Whether a rollout is checked depends only on its revision and start time, so that every controller decides the
    /// same.
    ///
    /// - Returns: nil if this rollout is not checked.
    init?(_ judgement: Judgement, of candidate: DeployedRevision, share: Double) {
        let name = "\(candidate.revision)@\(candidate.startedAt.timeIntervalSinceReferenceDate)"
        let seed = SipHash(keyLow: 0x7365_6c66, keyHigh: 0x6368_6563_6b).hash(name)
        guard Double(seed >> 11) * 0x1p-53 < share else { return nil }
        self.init(judgement, seed: seed)
    }
}

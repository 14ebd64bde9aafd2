import Analysis
import Foundation
import ModelManifests
import Serving

/// Judges a share of the rollouts against themselves, and counts how that ends: see `SelfCheck`.
extension DecisionPass {
    /// Takes what the look has told, once the gates have.
    mutating func checkOneself() {
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

    /// The rollout that was checked is over: one more is counted, false alarm or not.
    mutating func countSelfCheck() {
        guard let checked, let outcome = checked.selfCheck?.outcome,
            state.rollout?.judgement.startedAt != checked.judgement.startedAt
        else { return }
        var tally = state.selfChecks ?? SelfCheckTally()
        tally.add(outcome)
        state.selfChecks = tally
    }
}

extension SelfCheck {
    /// - Returns: nil where the rollout is not one of those that are checked: by its revision and its beginning, so that every
    ///   controller says the same of it.
    init?(_ judgement: Judgement, of candidate: DeployedRevision, share: Double) {
        let name = "\(candidate.revision)@\(candidate.startedAt.timeIntervalSinceReferenceDate)"
        let seed = SipHash(keyLow: 0x7365_6c66, keyHigh: 0x6368_6563_6b).hash(name)
        guard Double(seed >> 11) * 0x1p-53 < share else { return nil }
        self.init(judgement, seed: seed)
    }
}

import ModelManifests
import RealModule

/// Compares a rollout's stable with itself, by the gates of the rollout, from its first request to its last.
///
/// Both sides are the same version, so a gate that fails is a false alarm. The rate of these over many rollouts shows
/// whether the gates keep their guarantee on this traffic. It uses gates of errors and of slow requests on the proxy's
/// counters, because those report what failed in one event.
package struct SelfCheck: Codable, Hashable, Sendable {
    fileprivate struct Trial: Codable, Hashable, Sendable {
        var gate: String
        var alpha: Double
        var comparison: RateComparison
        /// Of a gate of slow requests.
        var slowBound: SlowBound?
        var split: TrialsSplitter
        var isAlarmed = false
        /// The number of requests that stand for the candidate's.
        var samples = 0
    }

    private var trials: [Trial]
    /// Whether users are split, as with sticky routing. They cannot be split again.
    private var isOfUsers = false
    private var samples = 0

    /// - Parameter seed: the rollout's seed.
    /// - Returns: nil if no gate of the rollout can be checked.
    package init?(_ judgement: Judgement, seed: UInt64) {
        var trials: [Trial] = []
        for (index, gate) in judgement.evidence.enumerated() {
            guard !gate.spec.warnOnly, case .compare(let compare) = gate.spec.kind, compare.canBeSelfChecked else {
                continue
            }
            trials.append(
                Trial(
                    gate: gate.spec.name, alpha: gate.alpha, comparison: RateComparison(compare),
                    slowBound: compare.metric == .slow ? SlowBound(slowerThan: compare.slowerThan) : nil,
                    split: TrialsSplitter(seed: seed &+ UInt64(index))))
        }
        guard !trials.isEmpty else { return nil }
        self.trials = trials
    }

    /// Adds stable's traffic from before the rollout. It chooses the bounds of slow requests, as for the gates.
    package mutating func learn(stableHistory counts: SideCounts) {
        for index in trials.indices { trials[index].slowBound?.learn(stable: counts) }
    }

    /// - Parameters:
    ///   - interval: what both sides added. Only stable's part is used.
    ///   - share: the candidate's share, 0…1. The same share of stable's requests stands for the candidate's.
    package mutating func absorb(_ interval: Interval, share: Double) {
        guard share > 0, share < 1, interval.stable.impossibility == nil else { return }
        isOfUsers = isOfUsers || interval.stable.users != nil || interval.stable.every != nil
        guard !isOfUsers, interval.stable.requests + interval.stable.unavailable > 0 else { return }
        var alone = interval
        alone.candidate = SideCounts()
        alone.stable.synthetic = nil
        for index in trials.indices where !trials[index].isAlarmed {
            guard let stable = trials[index].trials(of: alone) else { continue }
            let block = trials[index].split.block(stable, share: share)
            trials[index].absorb(block)
            samples = max(samples, trials[index].samples)
        }
    }

    /// The result. Nil if there was nothing to judge.
    package var outcome: Outcome? {
        guard samples > 0, !isOfUsers else { return nil }
        return Outcome(
            hasAlarmed: trials.contains(where: \.isAlarmed), promisedRate: trials.reduce(0) { $0 + $1.alpha })
    }

    package struct Outcome: Hashable, Sendable {
        package var hasAlarmed: Bool
        /// The combined rate of the gates that were checked.
        package var promisedRate: Double
    }
}

extension SelfCheck.Trial {
    fileprivate mutating func trials(of interval: Interval) -> Trials? {
        guard slowBound != nil else { return interval.countingUnavailable.errorTrials.stable }
        guard slowBound?.freezes(on: interval) == true else { return nil }
        return slowBound?.trials(interval)?.stable
    }

    fileprivate mutating func absorb(_ block: RateBlock) {
        samples += Int(countable: block.candidate.count)
        comparison.absorb(block, of: .users, target: -.log(alpha))
        isAlarmed = comparison.logFailEvidence >= -.log(alpha)
    }
}

extension CompareGate {
    /// Whether the source reports what failed in one event.
    fileprivate var canBeSelfChecked: Bool {
        guard case .requests(let metric, MetricSourceName.proxy) = quantity else { return false }
        return metric == .errors || metric == .slow
    }
}

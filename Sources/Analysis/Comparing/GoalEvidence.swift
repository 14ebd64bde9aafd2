import ModelManifests
import RealModule

/// The evidence of an A/B test: two tests at half the error rate each, that the candidate is better and that it is
/// worse.
///
/// Each excludes "equal, or the other way round" (Turner, Ly, Grünwald 2024), block by block. The first test to reach
/// its odds decides the winner, which stays. Without a difference there is a winner with probability at most `error`,
/// however often one looks.
struct GoalEvidence: Codable, Hashable, Sendable {
    private var candidateHigher = OneWay()
    private var stableHigher = OneWay()
    private var trials = CounterTrials()
    private var queue = BlockQueue<RateBlock>()
    private var difference = StratifiedDifference()
    private(set) var winner: Winner?
    private var units = RateBlock.empty
    /// The candidate's units.
    var samples: Int { Int(countable: units.candidate.count) }

    enum Winner: String, Codable, Sendable { case candidate, stable }

    /// The test that one side's mean is above the other's.
    private struct OneWay: Codable, Hashable, Sendable {
        /// Of the side that is not above.
        var base = BaseRate()
        var evidence = MixtureEvidence(count: AlternativeGrid.differences.alternatives.count)

        var logValue: Double { evidence.logValue(.differences) }

        /// - Parameter block: the side that may be above is its candidate.
        mutating func absorb(_ block: RateBlock) {
            evidence.absorb(
                block, against: .atMost(RateBoundary(slope: 1, offset: 0)), grid: .differences,
                guesses: base.guesses(forBlockOf: block.stable.count))
            base.learn(block.stable)
        }
    }

    init(_ gate: GoalGate) {}

    mutating func absorb(_ interval: Interval, _ gate: GoalGate) {
        guard winner == nil, let block = trials.block(interval, gate.quantity) else { return }
        units = units + block
        for ready in queue.admit(block) where ready.compares {
            candidateHigher.absorb(ready)
            stableHigher.absorb(RateBlock(stable: ready.candidate, candidate: ready.stable))
            difference.add(ready)
        }
        guard trials.isComparable, samples >= gate.minSamples else { return }
        let wanted = -Double.log(gate.error / 2)
        let (higher, lower) = (candidateHigher.logValue >= wanted, stableHigher.logValue >= wanted)
        guard higher != lower else { return }
        winner = higher == (gate.quantity.better == .higher) ? .candidate : .stable
    }

    func verdict(_ gate: GoalGate) -> Verdict {
        switch winner {
        case .candidate: .pass
        case .stable: .fail
        case nil: .insufficient
        }
    }

    func reason(_ gate: GoalGate) -> String {
        if let problem = trials.problem { return "\(problem): not comparable" }
        guard units.compares else { return "no \(gate.quantity.unit) of both sides yet" }
        let text = described(gate)
        let wanted = EvidenceText.odds(-.log(gate.error / 2))
        let (better, worse) =
            gate.quantity.better == .higher ? (candidateHigher, stableHigher) : (stableHigher, candidateHigher)
        let isBetter = EvidenceText.conclusion("the candidate being no better", better.logValue)
        let isWorse = EvidenceText.conclusion("the candidate being no worse", worse.logValue)
        switch winner {
        case .candidate: return "\(text): candidate wins, \(isBetter)"
        case .stable: return "\(text): stable wins, \(isWorse)"
        case nil:
            let undecided = "\(text): no winner yet, \(isBetter), \(isWorse) (a winner at \(wanted))"
            let toGo = gate.minSamples - samples
            return toGo > 0 ? "\(undecided); \(EvidenceText.count(toGo, "sample")) to go" : undecided
        }
    }

    private func described(_ gate: GoalGate) -> String {
        let quantity = gate.quantity
        let units = "\(EvidenceText.count(samples)) and \(EvidenceText.count(self.units.stable.count)) \(quantity.unit)"
        guard let shift = difference.estimate else { return "\(quantity.noun) of candidate and stable, \(units)" }
        let stable = difference.stableMean * quantity.maximum
        let moved = shift * quantity.maximum
        let sign = moved < 0 ? "-" : "+"
        var text = "\(quantity.noun) \(EvidenceText.number(stable + moved)) against stable's "
        text += "\(EvidenceText.number(stable)), \(sign)\(EvidenceText.number(abs(moved)))"
        if stable > 0 { text += " (\(sign)\(EvidenceText.percent(abs(moved) / stable)))" }
        return "\(text), of \(units)"
    }
}

/// An estimated difference of means over blocks, each with its own weight `n_s n_c / (n_s + n_c)` (Mantel and
/// Haenszel). Unlike a difference of pooled means, it is not shifted by base rates and weights that change together.
struct StratifiedDifference: Codable, Hashable, Sendable {
    private var weight = 0.0
    private var stable = 0.0
    private var candidate = 0.0

    mutating func add(_ block: RateBlock) {
        let weight = block.stable.count * block.candidate.count / (block.stable.count + block.candidate.count)
        self.weight += weight
        stable += weight * block.stable.successes / block.stable.count
        candidate += weight * block.candidate.successes / block.candidate.count
    }

    /// Nil while there is nothing to compare.
    var estimate: Double? { weight > 0 ? (candidate - stable) / weight : nil }
    var stableMean: Double { weight > 0 ? stable / weight : 0 }
}

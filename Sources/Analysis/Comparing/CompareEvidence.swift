import ModelManifests
import RealModule

/// What a comparing gate has learnt: the tests' state, and totals for people only.
struct CompareEvidence: Codable, Hashable, Sendable {
    private(set) var comparison: RateComparison
    private var slowBound: SlowBound?
    /// Never tested: sums over time mix weights with base rates.
    private var totals = Totals()
    private var problem: String?
    /// The candidate's.
    var samples: Int { totals.candidate }

    struct Totals: Codable, Hashable, Sendable {
        var stable = 0
        var stableHits = 0
        var candidate = 0
        var candidateHits = 0
    }

    init(_ gate: CompareGate) {
        comparison = RateComparison(
            relativeTolerance: gate.maxRelativeIncrease, absoluteTolerance: gate.maxAbsoluteIncrease,
            marginRelative: gate.passMargin.relative, marginAbsolute: gate.passMargin.absolute)
        if gate.metric == .slow { slowBound = SlowBound(slowerThan: gate.slowerThan) }
    }

    mutating func learn(stableHistory counts: SideCounts) { slowBound?.learn(stable: counts) }

    mutating func absorb(_ interval: Interval, _ gate: CompareGate) {
        for (side, counts) in [("stable", interval.stable), ("candidate", interval.candidate)] {
            if let impossibility = counts.impossibility {
                problem = "\(side) reports \(impossibility)"
                return
            }
        }
        guard let block = block(interval, gate) else {
            problem = slowBound?.problem
            return
        }
        problem = nil
        totals.stable += Int(block.stable.count)
        totals.stableHits += Int(block.stable.successes)
        totals.candidate += Int(block.candidate.count)
        totals.candidateHits += Int(block.candidate.successes)
        comparison.absorb(block)
    }

    private mutating func block(_ interval: Interval, _ gate: CompareGate) -> RateBlock? {
        func trials(_ counts: SideCounts, _ hits: Int) -> Trials {
            Trials(count: Double(counts.requests), successes: Double(hits))
        }
        let (stable, candidate) = (interval.stable, interval.candidate)
        switch gate.metric {
        case .errors:
            return RateBlock(stable: trials(stable, stable.errors), candidate: trials(candidate, candidate.errors))
        case .rejected:
            return RateBlock(stable: trials(stable, stable.rejected), candidate: trials(candidate, candidate.rejected))
        case .slow: return slowBound?.block(interval)
        case .latencyP50, .latencyP95, .latencyP99, nil: return nil
        }
    }

    /// Fail as soon as the tolerance is excluded; pass once a regression beyond the margin has been, and stays so.
    func verdict(_ gate: CompareGate, alpha: Double, missedRegressionRate: Double) -> Verdict {
        if comparison.logFailEvidence >= -.log(alpha) { return .fail }
        let excluded = comparison.peakLogPassEvidence >= -.log(missedRegressionRate)
        return excluded && samples >= gate.minSamples ? .pass : .insufficient
    }

    /// Another margin starts the pass over.
    mutating func setMargin(_ margin: PassMargin) {
        comparison = comparison.withMargin(relative: margin.relative, absolute: margin.absolute)
    }

    func reason(_ gate: CompareGate, verdict: Verdict, _ rates: EvidenceRates) -> String {
        if let problem { return "\(problem): not comparable" }
        if gate.metric == .slow, slowBound?.edge == nil {
            return "waiting for \(SlowBound.requestsToFreeze) requests of stable to choose the latency bound"
        }
        guard totals.candidate > 0, totals.stable > 0 else {
            let side = totals.candidate == 0 ? (totals.stable == 0 ? "either side" : "the candidate") : "stable"
            return "no requests of \(side) yet"
        }
        var text = "\(described(gate)); "
        switch verdict {
        case .fail:
            text += "within tolerance is excluded at \(EvidenceText.odds(comparison.logFailEvidence))"
        case .pass:
            text += "a regression beyond the pass margin is excluded at "
            text += EvidenceText.odds(comparison.peakLogPassEvidence)
        case .insufficient:
            let pass = EvidenceText.odds(comparison.peakLogPassEvidence)
            let fail = EvidenceText.odds(comparison.logFailEvidence)
            text += "undecided: a regression beyond the pass margin is excluded at \(pass)"
            text += " (pass at \(EvidenceText.odds(-.log(rates.missedRegressionRate))))"
            text += ", within tolerance at \(fail) (fail at \(EvidenceText.odds(-.log(rates.alpha))))"
            if samples < gate.minSamples { text += "; \(EvidenceText.count(gate.minSamples - samples)) samples to go" }
        }
        return text
    }

    private func described(_ gate: CompareGate) -> String {
        let noun =
            switch gate.metric {
            case .errors: "errors"
            case .rejected: "rejected"
            case .latencyP50, .latencyP95, .latencyP99, nil: ""
            case .slow: "slower than \(EvidenceText.seconds(slowBound?.edge ?? 0))"
            }
        func side(_ name: String, _ hits: Int, _ count: Int) -> String {
            "\(name) \(EvidenceText.count(hits)) \(noun) of \(EvidenceText.count(count))"
                + " (\(EvidenceText.share(hits, of: count)))"
        }
        var text = side("candidate", totals.candidateHits, totals.candidate)
        text += ", \(side("stable", totals.stableHits, totals.stable))"
        if totals.stableHits > 0 {
            let ratio =
                Double(totals.candidateHits) / Double(totals.candidate) * Double(totals.stable)
                / Double(totals.stableHits)
            text += ", ratio \(EvidenceText.number(ratio))"
        }
        return text
    }
}

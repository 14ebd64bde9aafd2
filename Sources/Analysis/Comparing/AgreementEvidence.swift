import ModelManifests
import RealModule

/// The evidence of a shadow's gate: the share of pairs that disagree, or the mean distance of pairs, compared with a
/// constant.
///
/// It fails once "at most the bound" is excluded, and passes once "beyond the bound by the margin" is excluded. Both
/// tests are mixtures of likelihood ratios over bounded outcomes (Waudby-Smith and Ramdas 2023), so they may be
/// evaluated after every pair. The test of the bound starts again after looks beyond the bound (`RestartedMixture`), so a
/// long past of agreement does not make it slow. Disagreements that spread over looks more than chance explains weigh
/// less (`ClumpWeights`). A pair is one request that both sides answered. Rates that change affect both sides, so no
/// base rate is needed.
struct AgreementEvidence: Codable, Hashable, Sendable {
    private var beyondBound = RestartedMixture(.increases)
    /// Whether more of the last pairs disagreed than allowed. Nil in records of older controllers.
    private var startsNext: Bool?
    /// Nil before anything was judged, and in records of older controllers.
    private var clumps: ClumpWeights?
    private var withinMargin = MixtureEvidence(count: AlternativeGrid.acceptable.alternatives.count)
    /// ln of the largest evidence for a pass at any look.
    private var peakLogPassEvidence = 0.0
    /// The number of pairs and the sum of their differences. For display.
    private var totals = Trials.none
    private var problem: String?
    /// Requests that were not compared, and those of them that were too large. Nil before there were any.
    private var leftOut: LeftOut?

    private struct LeftOut: Codable, Hashable, Sendable {
        var requests = 0
        var tooLarge = 0
    }

    var samples: Int { Int(countable: totals.count) }

    init(_ gate: AgreementGate) {}

    mutating func absorb(_ interval: Interval, _ gate: AgreementGate) {
        problem = interval.impossibility
        let pairs = interval.candidate.pairs
        if problem == nil, let dropped = pairs.dropped, dropped > 0 {
            leftOut = LeftOut(
                requests: (leftOut?.requests ?? 0) + dropped, tooLarge: (leftOut?.tooLarge ?? 0) + (pairs.tooLarge ?? 0)
            )
        }
        guard problem == nil, pairs.pairs > 0 else { return }
        let count = Double(pairs.pairs)
        let trials = Trials(count: count, successes: min(gate.metric.sum(pairs), count))
        totals = totals + trials
        let bound = gate.metric.bound
        var known = clumps ?? ClumpWeights()
        let weight = known.weigh(RateBlock(stable: .none, candidate: trials))
        clumps = known
        if startsNext == true { beyondBound.start(.increases) }
        startsNext = trials.successes > bound * count ? true : nil
        let bets = ShareNull.atMost(bound).logEVariables(trials, grid: .increases, typical: bound)
        beyondBound.absorb(bets.map { weight * $0 })
        withinMargin.absorb(trials, against: .atLeast(bound + gate.passMargin), grid: .acceptable, typical: bound)
        peakLogPassEvidence = max(
            peakLogPassEvidence, withinMargin.logValue(.acceptable, power: 1 / known.meanClump))
    }

    func verdict(_ gate: AgreementGate, alpha: Double, missedRegressionRate: Double) -> Verdict {
        if beyondBound.logValue >= -.log(alpha) { return .fail }
        return peakLogPassEvidence >= -.log(missedRegressionRate) && samples >= gate.minSamples ? .pass : .insufficient
    }

    func passProgress(_ gate: AgreementGate) -> PassProgress? {
        problem == nil
            ? PassProgress(logEvidence: peakLogPassEvidence, minSamples: gate.minSamples, unit: "pair") : nil
    }

    /// A changed margin restarts the evidence for a pass.
    mutating func restartPass() {
        withinMargin = MixtureEvidence(count: AlternativeGrid.acceptable.alternatives.count)
        peakLogPassEvidence = 0
    }

    /// The numbers of the reason, for drawings.
    func figures(_ gate: AgreementGate) -> OddsFigures {
        OddsFigures(
            fail: gate.metric.within, logFail: beyondBound.logValue, pass: gate.metric.beyond(gate.passMargin),
            logPass: peakLogPassEvidence, minSamples: gate.minSamples)
    }

    func reason(_ gate: AgreementGate, verdict: Verdict, _ rates: EvidenceRates) -> String {
        if let problem { return "\(problem): not comparable" }
        guard samples > 0 else { return "no pairs of answers yet" + leftOutText }
        let words = ConclusionDescription(
            fail: gate.metric.within, pass: gate.metric.beyond(gate.passMargin),
            logFail: beyondBound.logValue, logPass: peakLogPassEvidence,
            samplesToGo: gate.minSamples - samples)
        return "\(gate.metric.described(totals)); \(words.text(verdict, rates))" + leftOutText
    }

    private var leftOutText: String {
        guard let leftOut else { return "" }
        let text = "; \(EvidenceText.count(leftOut.requests, "request")) could not be compared"
        guard leftOut.tooLarge > 0 else { return text }
        return text + ", \(EvidenceText.count(leftOut.tooLarge)) of them with a body over rollout.shadow.maxBody"
    }
}

extension AgreementGate.Metric {
    /// The largest allowed share of disagreement, or mean distance.
    fileprivate var bound: Double {
        switch self {
        case .agreement(let min): 1 - min
        case .distance(let max): max
        }
    }

    fileprivate func sum(_ pairs: PairCounts) -> Double {
        switch self {
        case .agreement: Double(pairs.disagreements)
        case .distance: pairs.distance
        }
    }

    fileprivate func described(_ totals: Trials) -> String {
        let count = EvidenceText.count(totals.count)
        switch self {
        case .agreement:
            let agreed = totals.shortfall.successes
            return
                "\(EvidenceText.count(agreed)) of \(count) pairs agree (\(EvidenceText.percent(agreed / totals.count)))"
        case .distance: return "mean distance \(EvidenceText.number(totals.successes / totals.count)) of \(count) pairs"
        }
    }

    fileprivate var within: String {
        switch self {
        case .agreement(let min): "agreement of at least \(EvidenceText.percent(min))"
        case .distance(let max): "a mean distance of at most \(EvidenceText.number(max))"
        }
    }

    fileprivate func beyond(_ margin: Double) -> String {
        switch self {
        case .agreement(let min): "agreement of at most \(EvidenceText.percent(Swift.max(0, min - margin)))"
        case .distance(let max): "a mean distance of at least \(EvidenceText.number(max + margin))"
        }
    }
}

import ModelManifests
import RealModule

/// Tests whether the candidate's latency at one quantile is beyond the tolerance (fail), or whether an increase beyond
/// the pass margin is excluded (pass). It uses bucket edges only, so it can decide only if edges separate the two.
///
/// Within tolerance means "the candidate's latencies are at most (1 + tolerance) times stable's", in the sense of
/// stochastic dominance. Then in every block, whatever the load, the candidate's share over an edge `e′ ≥ (1 +
/// tolerance) e` is no larger than stable's share over `e`. That is a convex null on two rates, for which the
/// E-variables of `RateNull` hold. Two values of `e` are mixed, around stable's quantile as it was before the block, so
/// the choice of the edge does not decide.
///
/// Both tests of a failure start again after blocks that looked bad (`RestartedMixture`), so a long healthy past does not
/// make them slow. Requests that are slow together count as one (`ClumpWeights`).
///
/// A failure must also exclude that the candidate's quantile is at or under `e′`, as the share over it shows (Howard
/// and Ramdas 2022): a tail that is heavier farther out than the quantile is not this gate's subject. This condition
/// only prevents failures, so the guarantee still holds.
struct LatencyComparison: Codable, Hashable, Sendable {
    /// Stable's quantile needs at least this many requests, and at least five of them over the quantile.
    static let requestsToChoose = 100.0
    /// If many requests are over the edge, most that end close to each other do so by chance. Below this quantile the
    /// reported event sizes are therefore not used. The spread over looks still is.
    static let leastTailTold = 0.9

    private var beyond = Array(repeating: RestartedMixture(.slower), count: LatencyEdges.Pair.failing.count)
    private var overQuantile = Array(repeating: RestartedMixture(.slower), count: LatencyEdges.Pair.failing.count)
    /// Whether more of the candidate's last block was over an edge than usual. Nil in records of older controllers.
    private var startsNext: Bool?
    /// Nil before anything was judged, and in records of older controllers.
    private var clumps: ClumpWeights?
    private var withinMargin = MixtureEvidence(count: AlternativeGrid.faster.alternatives.count)
    /// ln of the largest evidence at any look against an increase beyond the margin.
    private(set) var peakLogPassEvidence = 0.0
    private var users = BlockQueue<LatencyBlock>()
    private var synthetic: BlockQueue<LatencyBlock>?
    private(set) var window = LatencyWindow()
    /// Why no conclusion is possible. Nil if nothing is wrong.
    private(set) var problem: String?
    let quantile: Double

    init(quantile: Double) { self.quantile = quantile }

    /// ln of the evidence that the candidate is beyond the tolerance: for each edge the smaller of the two values that
    /// must be shown, and the mean of these over the edges.
    var logFailEvidence: Double {
        let each = zip(beyond, overQuantile).map { min($0.logValue, $1.logValue) }
        return MixtureEvidence.logSumExp(each) - .log(Double(each.count))
    }

    var requestsToChoose: Int { Int(max(Self.requestsToChoose, 5 / (1 - quantile)).rounded()) }

    /// Adds stable's traffic, including that from before the rollout.
    mutating func learn(stableHistory counts: SideCounts) {
        problem = window.learn(stable: counts.everyRequest, candidate: SideCounts())
        trim()
    }

    /// Judges an interval at edges that were chosen before it. The interval then contributes to the choice for the
    /// next.
    mutating func absorb(_ interval: Interval, _ gate: CompareGate) {
        let chosen = edges(gate)
        problem = nil
        for (origin, interval) in interval.strata { judge(interval, origin, at: chosen) }
        for (_, interval) in interval.strata {
            problem =
                window.learn(stable: interval.stable.everyRequest, candidate: interval.candidate.everyRequest)
                ?? problem
        }
        trim()
    }

    private mutating func trim() {
        guard window.total(.stable) >= requestsToChoose, let index = window.index(of: quantile, .stable) else { return }
        window.trim(around: index)
    }

    /// Nil before enough requests of stable were seen, and while its quantile is over the last edge.
    func edges(_ gate: CompareGate) -> LatencyEdges? {
        guard window.total(.stable) >= requestsToChoose, let index = window.index(of: quantile, .stable),
            index < window.edges.count
        else { return nil }
        return LatencyEdges(
            among: window.edges, at: index, tolerance: gate.maxRelativeIncrease ?? 0, margin: gate.passMargin.relative)
    }

    private mutating func judge(_ interval: Interval, _ origin: RequestOrigin, at chosen: LatencyEdges?) {
        var queue = origin == .users ? users : synthetic ?? BlockQueue()
        // A waiting block keeps its edges, because counts over other edges cannot be added to it.
        if let edges = queue.waiting?.edges ?? chosen {
            if let block = LatencyBlock(interval, at: edges) {
                for ready in queue.admit(block) where ready.compares { judge(ready) }
            } else {
                problem = "a side lost the latency buckets that were compared"
                queue.clear()
            }
        }
        switch origin {
        case .users: users = queue
        case .synthetic: synthetic = queue
        }
    }

    private mutating func judge(_ block: LatencyBlock) {
        let null = RateNull.atMost(RateBoundary(slope: 1, offset: 0))
        let weight = weigh(block)
        let starts = startsNext == true
        startsNext = nil
        for (index, pair) in LatencyEdges.Pair.failing.enumerated() {
            guard let shares = block.shares(pair), let tested = block.edges.pair(pair) else { continue }
            let guesses = guesses(over: tested.stable)
            if starts {
                beyond[index].start(.slower)
                overQuantile[index].start(.slower)
            }
            let bets = BlockBets(onBlockLike: shares, against: null, grid: .slower, guesses: guesses)
            beyond[index].absorb(bets.logEVariables(shares).map { weight * $0 })
            let overIt = ShareNull.atMost(1 - quantile)
                .logEVariables(shares.candidate, grid: .slower, typical: 1 - quantile)
            overQuantile[index].absorb(overIt.map { weight * $0 })
            if shares.candidate.isMoreThanUsual(guesses.first?.rate ?? 0) { startsNext = true }
        }
        guard let shares = block.shares(.pass), let tested = block.edges.pair(.pass) else { return }
        withinMargin.absorb(
            shares, against: .beyondMargin(relative: 0, absolute: 0), grid: .faster,
            guesses: guesses(over: tested.stable))
        let clump = clumps?.meanClump ?? 1
        peakLogPassEvidence = max(peakLogPassEvidence, withinMargin.logValue(.faster, power: 1 / clump))
    }

    /// Stalls make requests slow together, so requests over an edge are not independent evidence.
    private mutating func weigh(_ block: LatencyBlock) -> Double {
        guard var shares = block.shares(.failAt) ?? block.shares(.failBelow) else { return 1 }
        if quantile < Self.leastTailTold { (shares.stable.together, shares.candidate.together) = (nil, nil) }
        var known = clumps ?? ClumpWeights()
        let weight = known.weigh(shares)
        clumps = known
        return weight
    }

    private func guesses(over edge: Double) -> [BaseRate.Guess] {
        [BaseRate.Guess(rate: window.stableShare(over: edge, believing: quantile), weight: 1)]
    }

    /// Restarts the evidence for a pass. The evidence against the tolerance stays. Waiting blocks have edges of the old
    /// margin and are dropped.
    mutating func restartPass() {
        withinMargin = MixtureEvidence(count: AlternativeGrid.faster.alternatives.count)
        peakLogPassEvidence = 0
        users.clear()
        synthetic?.clear()
    }
}

extension LatencyComparison {
    /// Why these buckets allow no verdict, or only one of the two, and what to do. Nil if they allow both.
    func impasse(_ gate: CompareGate) -> String? {
        guard let index = window.index(of: quantile, .stable) else { return nil }
        guard index < window.edges.count, let edges = edges(gate) else {
            let last = window.edges.last ?? 0
            return "stable's quantile is over the largest latency bucket, \(LatencyWindow.text(last)): add "
                + "larger buckets to the histogram"
        }
        let edge = LatencyWindow.text(window.edges[index])
        let needs = [
            edges.canFail ? nil : "no latency bucket is far enough over \(edge), so the gate cannot fail",
            edges.canPass ? nil : "no latency bucket ends between \(edge) and the pass margin, so the gate cannot pass",
        ].compactMap { $0 }
        guard !needs.isEmpty else { return nil }
        return needs.joined(separator: "; ") + ": use finer buckets, or a larger passMargin.relative"
    }
}

extension Trials {
    /// Whether the successes exceed the expected number by a standard deviation. With equal sides that happens in one
    /// look of six.
    fileprivate func isMoreThanUsual(_ rate: Double) -> Bool {
        successes > count * rate + (count * rate).squareRoot()
    }
}

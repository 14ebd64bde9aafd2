import ModelManifests
import RealModule

/// Whether the candidate's latency at one quantile is beyond the tolerance (fail), or a stretch beyond the pass margin is
/// excluded (pass). On bucket edges alone: it can only decide where edges separate.
///
/// Within tolerance is "the candidate's latencies are at most (1 + tolerance) times stable's" in the sense of stochastic
/// dominance. Then in every block, whatever the load, the candidate's share over an edge `e′ ≥ (1 + tolerance) e` is no
/// larger than stable's over `e`: a convex null on two rates, for which the E-variables of `RateNull` hold. Two values of
/// `e` are mixed, around stable's quantile as it was before the block, so that the choice of the edge does not decide.
///
/// Both tests of a failure are begun again after blocks that looked like trouble (`StartedMixture`), so that a long
/// healthy past does not make them slow, and what is slow together weighs as one (`ClumpWeights`).
///
/// A failure must also exclude that the candidate's quantile is at or under `e′`, as the share over it shows (Howard and
/// Ramdas 2022): a tail that is heavier farther out than the quantile is another gate's business. It only takes failures
/// away, so it breaks no promise.
struct LatencyComparison: Codable, Hashable, Sendable {
    /// Stable's quantile is taken from no fewer requests, nor from fewer than five of them over it.
    static let requestsToChoose = 100.0
    /// Where many are over the edge, most that end close to each other do so by chance: what the source tells of that is of no
    /// use below this quantile. How they spread over looks still is.
    static let leastTailTold = 0.9

    private var beyond = Array(repeating: StartedMixture(.slower), count: LatencyEdges.Pair.failing.count)
    private var overQuantile = Array(repeating: StartedMixture(.slower), count: LatencyEdges.Pair.failing.count)
    /// More of the candidate's last block was over an edge than is usual. Nil in records of older controllers.
    private var startsNext: Bool?
    /// Nil before anything was judged, and in records of older controllers.
    private var clumps: ClumpWeights?
    private var withinMargin = MixtureEvidence(count: AlternativeGrid.faster.alternatives.count)
    /// ln of the largest evidence of all looks that no stretch beyond the margin is there.
    private(set) var peakLogPassEvidence = 0.0
    private var users = BlockQueue<LatencyBlock>()
    private var synthetic: BlockQueue<LatencyBlock>?
    private(set) var window = LatencyWindow()
    /// Why nothing can be said; nil while all is well.
    private(set) var problem: String?
    let quantile: Double

    init(quantile: Double) { self.quantile = quantile }

    /// ln of the evidence that the candidate is beyond the tolerance: the mean over the edges, of the smaller of both that
    /// each has to show.
    var logFailEvidence: Double {
        let each = zip(beyond, overQuantile).map { min($0.logValue, $1.logValue) }
        return MixtureEvidence.logSumExp(each) - .log(Double(each.count))
    }

    var requestsToChoose: Int { Int(max(Self.requestsToChoose, 5 / (1 - quantile)).rounded()) }

    /// Stable's traffic, from before the rollout too.
    mutating func learn(stableHistory counts: SideCounts) {
        problem = window.learn(stable: counts.everyRequest, candidate: SideCounts())
        trim()
    }

    /// An interval is judged at edges that were chosen before it, and then chooses for the next.
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

    /// Nil before enough of stable has been seen, and while its quantile is over the last edge.
    func edges(_ gate: CompareGate) -> LatencyEdges? {
        guard window.total(.stable) >= requestsToChoose, let index = window.index(of: quantile, .stable),
            index < window.edges.count
        else { return nil }
        return LatencyEdges(
            among: window.edges, at: index, tolerance: gate.maxRelativeIncrease ?? 0, margin: gate.passMargin.relative)
    }

    private mutating func judge(_ interval: Interval, _ origin: RequestOrigin, at chosen: LatencyEdges?) {
        var queue = origin == .users ? users : synthetic ?? BlockQueue()
        // What waits keeps its edges: counts over others cannot join it.
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

    /// Stalls make requests slow together: what is over an edge is then no independent evidence.
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

    /// Starts the pass over; what was learnt against the tolerance stays. What waits is at edges of the old margin.
    mutating func restartPass() {
        withinMargin = MixtureEvidence(count: AlternativeGrid.faster.alternatives.count)
        peakLogPassEvidence = 0
        users.clear()
        synthetic?.clear()
    }
}

extension LatencyComparison {
    /// Why no verdict, or only one of both, can come of these buckets, and what to do; nil where both can.
    func impasse(_ gate: CompareGate) -> String? {
        guard let index = window.index(of: quantile, .stable) else { return nil }
        guard index < window.edges.count, let edges = edges(gate) else {
            let last = window.edges.last ?? 0
            return "stable's quantile is over the largest latency bucket, \(LatencyWindow.text(last)): give the "
                + "histogram larger ones"
        }
        let edge = LatencyWindow.text(window.edges[index])
        let needs = [
            edges.canFail ? nil : "no latency bucket is far enough over \(edge) to tell a failure",
            edges.canPass ? nil : "no latency bucket ends between \(edge) and the pass margin to tell a pass",
        ].compactMap { $0 }
        guard !needs.isEmpty else { return nil }
        return needs.joined(separator: ", ") + ": give the histogram finer ones, or a larger passMargin.relative"
    }
}

extension Trials {
    /// More successes than the rate makes likely, by a standard deviation: looks of equal sides have that once in six.
    fileprivate func isMoreThanUsual(_ rate: Double) -> Bool {
        successes > count * rate + (count * rate).squareRoot()
    }
}

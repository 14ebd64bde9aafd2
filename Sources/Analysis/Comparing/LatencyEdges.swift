/// Which shares are held against each other: stable's over one edge, the candidate's over another, `tested` pairs of them.
///
/// Chosen from what was seen before, so that the outcomes that are judged have no say in it.
struct LatencyEdges: Codable, Hashable, Sendable {
    /// For a failure, with stable's edge just below its quantile's bucket and at its end; then for a pass.
    enum Pair: Int, CaseIterable, Sendable {
        case failBelow, failAt, pass

        static let failing = [Pair.failBelow, failAt]
    }

    /// Seconds, by pair; nil where no edges separate.
    private(set) var stable: [Double?]
    private(set) var candidate: [Double?]

    /// - Parameters:
    ///   - edges: that both sides have, ascending.
    ///   - index: the upper edge of the bucket that holds stable's quantile.
    ///   - tolerance: a share of stable's latency.
    ///   - margin: the same, for the pass.
    init(among edges: [Double], at index: Int, tolerance: Double, margin: Double) {
        stable = [index > 0 ? edges[index - 1] : nil, edges[index], edges[index]]
        // The first at or over stable's by the tolerance: whoever is within it has no larger share over it.
        candidate = stable.prefix(2).map { edge in
            edge.flatMap { edge in
                edges.first { $0 >= edge * (1 + tolerance) || SideCounts.same($0, edge * (1 + tolerance)) }
            }
        }
        // The last at or under stable's by the margin: whoever is beyond it has no smaller share over it.
        let limit = edges[index] * (1 + margin)
        candidate.append(edges.last { $0 > edges[index] && ($0 <= limit || SideCounts.same($0, limit)) })
    }

    func pair(_ pair: Pair) -> (stable: Double, candidate: Double)? {
        guard let stable = stable[pair.rawValue], let candidate = candidate[pair.rawValue] else { return nil }
        return (stable, candidate)
    }

    var canFail: Bool { Pair.failing.contains { pair($0) != nil } }
    var canPass: Bool { pair(.pass) != nil }
}

/// What both sides added between two looks, over the edges of its pairs.
struct LatencyBlock: PairedBlock {
    typealias Pair = LatencyEdges.Pair

    let edges: LatencyEdges
    /// Requests over the edge of each pair, then all of them, and then for each pair the clients that gave up later than
    /// both of its edges: one cut-off for both sides.
    private var stable: [Double]
    private var candidate: [Double]
    /// Of each pair, how those over its edge came (`Trials.together`), on either side; nil where one cannot tell.
    private var stableTogether: [Double]?
    private var candidateTogether: [Double]?

    private static let total = Pair.allCases.count

    var stableCount: Double { stable[Self.total] + (stable.dropFirst(Self.total + 1).max() ?? 0) }
    var candidateCount: Double { candidate[Self.total] + (candidate.dropFirst(Self.total + 1).max() ?? 0) }

    /// Nil where a side lacks an edge.
    init?(_ interval: Interval, at edges: LatencyEdges) {
        self.edges = edges
        stable = []
        candidate = []
        for pair in Pair.allCases {
            let tested = edges.pair(pair)
            guard let stableOver = Self.over(tested?.stable, interval.stable),
                let candidateOver = Self.over(tested?.candidate, interval.candidate)
            else { return nil }
            stable.append(stableOver)
            candidate.append(candidateOver)
        }
        stable.append(Double(interval.stable.latencyTotal))
        candidate.append(Double(interval.candidate.latencyTotal))
        for pair in Pair.allCases {
            let cutOff = edges.pair(pair).map { max($0.stable, $0.candidate) }
            stable.append(cutOff.map { Double(interval.stable.abandoned(after: $0)) } ?? 0)
            candidate.append(cutOff.map { Double(interval.candidate.abandoned(after: $0)) } ?? 0)
        }
        stableTogether = Self.together(Pair.allCases.map { edges.pair($0)?.stable }, interval.stable)
        candidateTogether = Self.together(Pair.allCases.map { edges.pair($0)?.candidate }, interval.candidate)
    }

    private static func over(_ edge: Double?, _ counts: SideCounts) -> Double? {
        guard let edge, counts.requests > 0 else { return 0 }
        return counts.atOrUnder(edge).map { Double(counts.latencyTotal - $0) }
    }

    private static func together(_ edges: [Double?], _ counts: SideCounts) -> [Double]? {
        if counts.isIdle { return edges.map { _ in 0 } }
        let found = edges.compactMap { edge in edge.map { counts.slowTogether(over: $0).map(Double.init) } ?? 0 }
        return found.count == edges.count ? found : nil
    }

    /// Nil where no edges separate.
    func shares(_ pair: Pair) -> RateBlock? {
        guard edges.pair(pair) != nil else { return nil }
        return RateBlock(
            stable: Self.trials(stable, pair, stableTogether),
            candidate: Self.trials(candidate, pair, candidateTogether))
    }

    private static func trials(_ counts: [Double], _ pair: Pair, _ together: [Double]?) -> Trials {
        // A block that an older controller let wait knows nobody who gave up.
        let index = total + 1 + pair.rawValue
        let givenUp = counts.indices.contains(index) ? counts[index] : 0
        let successes = counts[pair.rawValue] + givenUp
        return Trials(
            count: counts[total] + givenUp, successes: successes,
            together: together.map { max($0[pair.rawValue], successes) })
    }

    /// At the edges of the left one.
    static func + (left: LatencyBlock, right: LatencyBlock) -> LatencyBlock {
        var sum = left
        sum.stable = zip(left.stable, right.stable).map { $0 + $1 }
        sum.candidate = zip(left.candidate, right.candidate).map { $0 + $1 }
        sum.stableTogether = left.stableTogether.flatMap { own in
            right.stableTogether.map { zip(own, $0).map { $0 + $1 } }
        }
        sum.candidateTogether = left.candidateTogether.flatMap { own in
            right.candidateTogether.map { zip(own, $0).map { $0 + $1 } }
        }
        return sum
    }
}

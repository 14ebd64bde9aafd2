/// The edges of the compared shares: stable's share over one edge is compared with the candidate's over another, for
/// several pairs of edges.
///
/// They are chosen from earlier data, so the outcomes that are judged have no influence on the choice.
struct LatencyEdges: Codable, Hashable, Sendable {
    /// For a failure: stable's edge just below the bucket of its quantile, and at the end of that bucket. The third is
    /// for a pass.
    enum Pair: Int, CaseIterable, Sendable {
        case failBelow, failAt, pass

        static let failing = [Pair.failBelow, failAt]
    }

    /// In seconds, by pair. Nil if no edges separate.
    private(set) var stable: [Double?]
    private(set) var candidate: [Double?]

    /// - Parameters:
    ///   - edges: the edges that both sides have, ascending.
    ///   - index: the upper edge of the bucket that holds stable's quantile.
    ///   - tolerance: as a share of stable's latency.
    ///   - margin: the same, for the pass.
    init(among edges: [Double], at index: Int, tolerance: Double, margin: Double) {
        stable = [index > 0 ? edges[index - 1] : nil, edges[index], edges[index]]
        // The first edge at or over stable's edge plus the tolerance. A candidate within tolerance has no larger share
        // over it.
        candidate = stable.prefix(2).map { edge in
            edge.flatMap { edge in
                edges.first { $0 >= edge * (1 + tolerance) || SideCounts.same($0, edge * (1 + tolerance)) }
            }
        }
        // The last edge at or under stable's edge plus the margin. A candidate beyond the margin has no smaller share
        // over it.
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

/// What both sides added between two looks, over the edges of the pairs.
struct LatencyBlock: PairedBlock {
    typealias Pair = LatencyEdges.Pair

    let edges: LatencyEdges
    /// The requests over the edge of each pair, then the total, then for each pair the clients that gave up later than
    /// both of its edges, so that both sides have one cut-off.
    private var stable: [Double]
    private var candidate: [Double]
    /// For each pair, the event sizes of the requests over its edge (`Trials.together`), of either side. Nil if they
    /// are not known.
    private var stableTogether: [Double]?
    private var candidateTogether: [Double]?

    private static let total = Pair.allCases.count

    var stableCount: Double { stable[Self.total] + (stable.dropFirst(Self.total + 1).max() ?? 0) }
    var candidateCount: Double { candidate[Self.total] + (candidate.dropFirst(Self.total + 1).max() ?? 0) }

    /// Nil if a side lacks an edge.
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

    /// Nil if no edges separate.
    func shares(_ pair: Pair) -> RateBlock? {
        guard edges.pair(pair) != nil else { return nil }
        return RateBlock(
            stable: Self.trials(stable, pair, stableTogether),
            candidate: Self.trials(candidate, pair, candidateTogether))
    }

    private static func trials(_ counts: [Double], _ pair: Pair, _ together: [Double]?) -> Trials {
        // A block that an older controller left waiting has no counts of clients that gave up.
        let index = total + 1 + pair.rawValue
        let givenUp = counts.indices.contains(index) ? counts[index] : 0
        let successes = counts[pair.rawValue] + givenUp
        return Trials(
            count: counts[total] + givenUp, successes: successes,
            together: together.map { max($0[pair.rawValue], successes) })
    }

    /// The sum has the edges of the left block.
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

/// The latest latencies of both sides at the edges that both histograms have. It chooses the edges for the test, and
/// shows people where a quantile is. It is not evidence, because it mixes counts of different times.
struct LatencyWindow: Codable, Hashable, Sendable {
    /// Of the proxy's buckets, this covers half a decade below stable's quantile and one above.
    static let edgeLimit = 16
    static let edgesBelow = 6
    /// The number of requests of a side that are remembered. Older ones count half, then a quarter.
    static let memory = 20_000
    /// The most requests that one interval adds, so that no sum can overflow.
    private static let largestAddition = 1_000_000_000

    /// In seconds, ascending.
    private(set) var edges: [Double] = []
    /// The requests at or under each edge, and the total at the end.
    private var stable: [Int] = []
    private var candidate: [Int] = []
    /// Whether the histogram has more edges than are kept.
    private var isTrimmed = false

    enum Side { case stable, candidate }

    func total(_ side: Side) -> Int { counts(side).last ?? 0 }

    private func counts(_ side: Side) -> [Int] { side == .stable ? stable : candidate }

    /// Stable's share over an edge, never quite 0. `quantile` is assumed before anything is seen.
    func stableShare(over edge: Double, believing quantile: Double) -> Double {
        let index = edges.firstIndex { $0 == edge } ?? 0
        let over = Double(total(.stable) - (stable.indices.contains(index) ? stable[index] : 0))
        return (over + (1 - quantile) * BaseRate.priorCount) / (Double(total(.stable)) + BaseRate.priorCount)
    }

    /// The index of the first edge at or over the quantile. `edges.count` if the quantile is over the last edge, nil
    /// without requests.
    func index(of quantile: Double, _ side: Side) -> Int? {
        guard total(side) > 0 else { return nil }
        let rank = quantile * Double(total(side))
        return counts(side).firstIndex { Double($0) >= rank }
    }

    /// - Returns: why nothing could be learned. Nil if nothing is wrong.
    mutating func learn(stable newStable: SideCounts, candidate newCandidate: SideCounts) -> String? {
        for (side, counts) in [("stable", newStable), ("candidate", newCandidate)]
        where counts.requests > 0 && counts.bounds.isEmpty {
            return "\(side)'s readings have no latency histogram"
        }
        let seen = [newStable, newCandidate].filter { $0.requests > 0 }
        guard let first = seen.first else { return nil }
        if edges.isEmpty { start(at: first.bounds) }
        let common = edges.indices.filter { index in seen.allSatisfy { $0.atOrUnder(edges[index]) != nil } }
        guard !common.isEmpty else {
            // The buckets differ from those before, or between the sides: start again.
            self = LatencyWindow()
            return "stable and candidate have no latency bucket in common"
        }
        if common.count < edges.count { keep(common) }
        Self.add(newStable, at: edges, to: &stable)
        Self.add(newCandidate, at: edges, to: &candidate)
        return nil
    }

    /// Keeps the part of a long histogram that the test and the display need, once stable's quantile is known. Starts
    /// again if the quantile has left that part.
    mutating func trim(around index: Int) {
        if isTrimmed, index == 0 || index == edges.count { self = LatencyWindow() }
        guard edges.count > Self.edgeLimit else { return }
        isTrimmed = true
        let first = min(max(0, index - Self.edgesBelow), edges.count - Self.edgeLimit)
        keep(Array(first..<first + Self.edgeLimit))
    }

    private mutating func start(at bounds: [Double]) {
        edges = bounds
        stable = Array(repeating: 0, count: bounds.count + 1)
        candidate = stable
    }

    private mutating func keep(_ indices: [Int]) {
        let (stableTotal, candidateTotal) = (total(.stable), total(.candidate))
        stable = indices.map { stable[$0] } + [stableTotal]
        candidate = indices.map { candidate[$0] } + [candidateTotal]
        edges = indices.map { edges[$0] }
    }

    private static func add(_ counts: SideCounts, at edges: [Double], to sums: inout [Int]) {
        guard counts.requests > 0 else { return }
        let added = edges.map { counts.atOrUnder($0) ?? 0 } + [counts.latencyTotal]
        for (index, count) in added.enumerated() { sums[index] += min(count, largestAddition) }
        while (sums.last ?? 0) > memory { sums = sums.map { $0 / 2 } }
    }

    /// For example "between 250 and 315 ms".
    func described(_ quantile: Double, _ side: Side) -> String {
        guard let index = index(of: quantile, side), let last = edges.last else { return "not known" }
        if index == edges.count { return "over \(Self.text(last))" }
        if index == 0 { return "at most \(Self.text(edges[0]))" }
        let (low, high) = (edges[index - 1], edges[index])
        let isShort = high < 1
        let lowText = EvidenceText.number(isShort ? low * 1_000 : low)
        return "between \(lowText) and \(Self.text(high))"
    }

    /// Nil while one side has no requests.
    func figures(_ quantile: Double) -> GateFigures.Latencies? {
        guard total(.stable) > 0, total(.candidate) > 0 else { return nil }
        return GateFigures.Latencies(quantile: quantile, edges: edges, stable: stable, candidate: candidate)
    }

    /// 0.25 → "250 ms".
    static func text(_ seconds: Double) -> String {
        seconds < 1 ? "\(EvidenceText.number(seconds * 1_000)) ms" : EvidenceText.seconds(seconds)
    }
}

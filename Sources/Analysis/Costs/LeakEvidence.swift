import ModelManifests

/// Whether the memory of the candidate's instances grows, beyond what stable's grows by.
///
/// A leak is growth that goes on: in each third of the window, by ranks, faster than the tolerance, not ever more slowly, and
/// further than stable's memory rises and falls. What grows once (a buffer, an arena, one instance that leaves), what rises
/// and falls (a collector of garbage) and what fills up (a cache) does not do that for long. The window slides, so that a long
/// healthy past hides nothing.
struct LeakEvidence: Codable, Hashable, Sendable {
    static let pointLimit = 24
    /// Five a third: fewer have no ranks to speak of.
    static let leastPoints = 15
    /// Of Kendall's tau, in each third.
    static let leastTau = 0.7
    /// Of the last third's slope, as a share of the first's.
    static let leastPace = 0.5

    private var seconds: [Double] = []
    /// Kibibytes of one instance.
    private var stable: [Double] = []
    private var candidate: [Double] = []
    /// How many times as many requests an instance of the candidate had as one of stable.
    private var load: [Double] = []
    private(set) var verdict = Verdict.insufficient

    var points: Int { seconds.count }

    /// - Parameter end: of the block, in seconds since the evidence began.
    mutating func absorb(_ block: CostBlock, endingAt end: Double, maxBytesPerHour: Int) {
        defer { verdict = found(Double(maxBytesPerHour)) }
        seconds.append((end * 10).rounded() / 10)
        stable.append((block.stable.bytesPerInstance / 1024).rounded())
        candidate.append((block.candidate.bytesPerInstance / 1024).rounded())
        let ratio = block.stable.pace > 0 ? block.candidate.pace / block.stable.pace : 1
        load.append((min(ratio, 1000) * 100).rounded() / 100)
        guard seconds.count > Self.pointLimit else { return }
        seconds.removeFirst()
        stable.removeFirst()
        candidate.removeFirst()
        load.removeFirst()
    }

    /// Growth of an instance, in bytes an hour.
    struct Growth: Hashable, Sendable {
        var candidate: Double
        /// At the candidate's load where that is higher: what leaks by requests leaks more with more of them.
        var stable: Double
        var tau: Double

        var beyondStable: Double { candidate - max(stable, 0) }
    }

    /// Nil where there are too few points.
    func growth(_ range: Range<Int>) -> Growth? {
        guard let own = RankTrend(times: seconds[range], values: candidate[range]),
            let theirs = RankTrend(times: seconds[range], values: stable[range])
        else { return nil }
        let load = load[range].reduce(0, +) / Double(range.count)
        let bytesPerHour = 1024.0 * 3600
        return Growth(
            candidate: own.slope * bytesPerHour, stable: theirs.slope * bytesPerHour * max(load, 1), tau: own.tau)
    }

    var growth: Growth? { growth(0..<points) }

    private var thirds: [Range<Int>] {
        let third = points / 3
        return [0..<third, third..<(points - third), (points - third)..<points]
    }

    private func found(_ limit: Double) -> Verdict {
        guard points >= Self.leastPoints, let growth else { return .insufficient }
        let parts = thirds.compactMap(self.growth)
        let goesOn = parts.count == 3 && parts.allSatisfy { $0.tau >= Self.leastTau && $0.beyondStable > limit }
        if goesOn, parts[2].candidate >= Self.leastPace * parts[0].candidate, rise > swing { return .fail }
        return growth.beyondStable <= limit ? .pass : .insufficient
    }

    /// Of the candidate's memory through the window, in kibibytes.
    private var rise: Double { (candidate.last ?? 0) - (candidate.first ?? 0) }

    /// How far stable's memory went up and down meanwhile.
    private var swing: Double { (stable.max() ?? 0) - (stable.min() ?? 0) }
}

import ModelManifests

/// Tests whether the memory of the candidate's instances grows faster than stable's.
///
/// A leak is growth that continues: in each third of the window, by ranks, it is faster than the tolerance, it does not
/// slow down, and it goes further than stable's memory rises and falls. One-time growth (a buffer, an arena, an
/// instance that stops), memory that rises and falls (a garbage collector) and memory that fills up (a cache) do not do
/// that for long. The window slides, so a long healthy past hides nothing.
struct LeakEvidence: Codable, Hashable, Sendable {
    static let pointLimit = 24
    /// Five for each third. Ranks of fewer points say little.
    static let leastPoints = 15
    /// Kendall's tau, in each third.
    static let leastTau = 0.7
    /// The slope of the last third, as a share of the first third's.
    static let leastPace = 0.5

    private var seconds: [Double] = []
    /// Kibibytes of one instance.
    private var stable: [Double] = []
    private var candidate: [Double] = []
    /// The requests of a candidate's instance divided by those of an instance of stable.
    private var load: [Double] = []
    private(set) var verdict = Verdict.insufficient

    var points: Int { seconds.count }

    /// - Parameter end: the end of the block, in seconds since the evidence began.
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

    /// The growth of one instance, in bytes an hour.
    struct Growth: Hashable, Sendable {
        var candidate: Double
        /// At the candidate's load if that is higher, because a leak by requests grows with the number of requests.
        var stable: Double
        var tau: Double

        var beyondStable: Double { candidate - max(stable, 0) }
    }

    /// Nil if there are too few points.
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

    /// The rise of the candidate's memory over the window, in kibibytes.
    private var rise: Double { (candidate.last ?? 0) - (candidate.first ?? 0) }

    /// How far stable's memory went up and down in that time.
    private var swing: Double { (stable.max() ?? 0) - (stable.min() ?? 0) }
}

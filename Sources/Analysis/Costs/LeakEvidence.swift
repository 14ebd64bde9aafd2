import ModelManifests

/// Whether the memory of the candidate's instances grows, beyond what stable's grows by.
///
/// A leak is growth that goes on: in each third of the window, by ranks, and faster than the tolerance. What grows once (a
/// buffer, an arena, one instance that leaves), what rises and falls (a collector of garbage) and what grows ever more slowly
/// (a cache that fills up) does not do that for long. The window slides, so that a long healthy past hides nothing.
struct LeakEvidence: Codable, Hashable, Sendable {
    static let pointLimit = 24
    /// Five a third: fewer have no ranks to speak of.
    static let leastPoints = 15
    /// Of Kendall's tau, in each third.
    static let leastTau = 0.7

    private var seconds: [Double] = []
    /// Kibibytes of one instance.
    private var stable: [Double] = []
    private var candidate: [Double] = []
    /// How many times as many requests an instance of the candidate had as one of stable.
    private var load: [Double] = []

    var points: Int { seconds.count }

    /// - Parameter end: of the block, in seconds since the evidence began.
    mutating func absorb(_ block: CostBlock, endingAt end: Double) {
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

    func verdict(maxBytesPerHour: Int) -> Verdict {
        guard points >= Self.leastPoints, let growth else { return .insufficient }
        let limit = Double(maxBytesPerHour)
        let goesOn = thirds.allSatisfy { range in
            guard let part = self.growth(range) else { return false }
            return part.tau >= Self.leastTau && part.beyondStable > limit
        }
        if goesOn { return .fail }
        return growth.beyondStable <= limit ? .pass : .insufficient
    }
}

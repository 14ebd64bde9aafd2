import ModelManifests
import RealModule

/// The latency over which a request is slow: given by the gate, or stable's p95 bucket, frozen at the start.
struct SlowBound: Codable, Hashable, Sendable {
    /// Stable's p95 is taken from no fewer requests.
    static let requestsToFreeze = 100
    /// Once clients of the candidate give up: waiting on would keep a candidate that never answers.
    static let requestsToFreezeInNeed = 10
    static let quantile = 0.95

    /// A bucket edge in seconds, once frozen: the same for both sides, and for ever.
    private(set) var edge: Double?
    /// Wanted by the gate, in seconds: the next edge at or over it counts.
    private let wanted: Double?
    /// Stable's histogram until it is frozen.
    private var stable = SideCounts()
    /// Clients of the candidate gave up before there was a bound. Nil in records of older controllers.
    private var isInNeed: Bool?
    /// Among those that counted as slow, the ones whose clients gave up. Nil before any did.
    private(set) var givenUp: GivenUp?
    /// Why nothing can be said; nil while all is well.
    private(set) var problem: String?

    struct GivenUp: Codable, Hashable, Sendable {
        var stable = 0
        var candidate = 0
    }

    init(slowerThan: Duration?) { wanted = slowerThan.map { $0 / .seconds(1) } }

    /// Trials over the bound, or nil while there is none. An interval whose outcomes choose the bound is not judged by it.
    mutating func block(_ interval: Interval) -> RateBlock? {
        freezes(on: interval) ? trials(interval) : nil
    }

    /// Takes what the interval tells of stable. True where the interval can be judged by the bound.
    mutating func freezes(on interval: Interval) -> Bool {
        let wasFrozen = edge != nil
        let gaveUp = interval.candidate.every?.abandoned ?? interval.candidate.abandoned
        if !wasFrozen, gaveUp.contains(where: { $0 > 0 }) { isInNeed = true }
        for (_, interval) in interval.strata { learn(stable: interval.stable) }
        return edge != nil && (wasFrozen || wanted != nil)
    }

    /// Stable's traffic, from before the rollout too.
    mutating func learn(stable counts: SideCounts) {
        let counts = counts.everyRequest
        guard edge == nil, counts.requests > 0 else { return }
        guard !counts.bounds.isEmpty else {
            problem = "stable's readings have no latency histogram"
            return
        }
        if let wanted {
            edge = counts.bounds.first { $0 >= wanted || SideCounts.same($0, wanted) }
            problem = edge == nil ? "no latency bucket reaches \(EvidenceText.seconds(wanted))" : nil
            return
        }
        let joined = stable.bounds == counts.bounds ? stable + counts : counts
        stable = joined
        let enough = isInNeed == true ? Self.requestsToFreezeInNeed : Self.requestsToFreeze
        guard joined.latencyTotal >= enough else { return }
        freeze(joined)
    }

    private mutating func freeze(_ histogram: SideCounts) {
        let total = Double(histogram.latencyTotal)
        let reaching = histogram.bounds.first { Double(histogram.atOrUnder($0) ?? 0) >= Self.quantile * total }
        guard let last = histogram.bounds.last else { return }
        if let reaching {
            edge = reaching
        } else if Double(histogram.atOrUnder(last) ?? 0) >= 0.5 * total {
            // More than 5 % of stable is over the last edge, but less than half: that edge still tells them apart.
            edge = last
        } else {
            problem = "half of stable is slower than the largest latency bucket, \(EvidenceText.seconds(last))"
            stable = SideCounts()
            return
        }
        problem = nil
        stable = SideCounts()
    }

    /// Of one stratum; nil where a side has no such bucket.
    mutating func trials(_ interval: Interval) -> RateBlock? {
        guard let edge else { return nil }
        guard let stable = slow(interval.stable, edge), let candidate = slow(interval.candidate, edge) else {
            let side = slow(interval.stable, edge) == nil ? "stable" : "candidate"
            problem = "\(side) has no latency bucket at \(EvidenceText.seconds(edge))"
            return nil
        }
        problem = nil
        noteGivenUp(
            stable: interval.stable.abandoned(after: edge), candidate: interval.candidate.abandoned(after: edge))
        return RateBlock(stable: stable, candidate: candidate)
    }

    private mutating func noteGivenUp(stable: Int, candidate: Int) {
        guard stable + candidate > 0 else { return }
        var sum = givenUp ?? GivenUp()
        sum.stable += stable
        sum.candidate += candidate
        givenUp = sum
    }

    /// Whoever gave up later than the bound had a slow request, however much slower it would have become. Who gave up before
    /// says nothing: on both sides alike.
    private func slow(_ counts: SideCounts, _ edge: Double) -> Trials? {
        if counts.isIdle { return Trials.none }
        let counts = counts.countingAbandoned(after: edge)
        guard let fast = counts.atOrUnder(edge) else { return nil }
        let total = counts.latencyTotal
        let slow = Double(total - fast)
        let together = counts.slowTogether(over: edge).map { max(Double($0), slow) }
        return Trials(count: Double(total), successes: slow, together: together)
    }
}

import ModelManifests
import RealModule

/// The latency over which a request is slow: the gate's own, or stable's p95 bucket, frozen at the start.
struct SlowBound: Codable, Hashable, Sendable {
    /// Stable's p95 needs at least this many requests.
    static let requestsToFreeze = 100
    /// The number of requests once clients of the candidate give up: waiting longer would keep a candidate that never
    /// answers.
    static let requestsToFreezeInNeed = 10
    static let quantile = 0.95

    /// A bucket edge in seconds, once frozen. It is the same for both sides and never changes.
    private(set) var edge: Double?
    /// The gate's own bound, in seconds. The next edge at or over it is used.
    private let wanted: Double?
    /// Stable's histogram until the bound is frozen.
    private var stable = SideCounts()
    /// Whether clients of the candidate gave up before there was a bound. Nil in records of older controllers.
    private var isInNeed: Bool?
    /// Requests that count as slow and whose clients gave up. Nil before there were any.
    private(set) var givenUp: GivenUp?
    /// Why no conclusion is possible. Nil if nothing is wrong.
    private(set) var problem: String?

    struct GivenUp: Codable, Hashable, Sendable {
        var stable = 0
        var candidate = 0
    }

    init(slowerThan: Duration?) { wanted = slowerThan.map { $0 / .seconds(1) } }

    /// Trials over the bound. Nil while there is no bound. An interval whose outcomes choose the bound is not judged by
    /// it.
    mutating func block(_ interval: Interval) -> RateBlock? {
        freezes(on: interval) ? trials(interval) : nil
    }

    /// Adds stable's part of the interval. True if the interval can be judged by the bound.
    mutating func freezes(on interval: Interval) -> Bool {
        let wasFrozen = edge != nil
        let gaveUp = interval.candidate.every?.abandoned ?? interval.candidate.abandoned
        if !wasFrozen, gaveUp.contains(where: { $0 > 0 }) { isInNeed = true }
        for (_, interval) in interval.strata { learn(stable: interval.stable) }
        return edge != nil && (wasFrozen || wanted != nil)
    }

    /// Adds stable's traffic, including that from before the rollout.
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
            // More than 5 % of stable is over the last edge, but less than half. That edge still separates fast from
            // slow.
            edge = last
        } else {
            problem = "half of stable is slower than the largest latency bucket, \(EvidenceText.seconds(last))"
            stable = SideCounts()
            return
        }
        problem = nil
        stable = SideCounts()
    }

    /// The trials of one stratum. Nil if a side has no such bucket.
    mutating func trials(_ interval: Interval) -> RateBlock? {
        guard let edge else { return nil }
        guard let stable = slow(interval.stable, edge), let candidate = slow(interval.candidate, edge) else {
            let side = slow(interval.stable, edge) == nil ? "stable" : "candidate"
            problem = "\(side) has no latency bucket at \(EvidenceText.seconds(edge))"
            return nil
        }
        problem = nil
        countAbandonedSlow(
            stable: interval.stable.abandoned(after: edge), candidate: interval.candidate.abandoned(after: edge))
        return RateBlock(stable: stable, candidate: candidate)
    }

    private mutating func countAbandonedSlow(stable: Int, candidate: Int) {
        guard stable + candidate > 0 else { return }
        var sum = givenUp ?? GivenUp()
        sum.stable += stable
        sum.candidate += candidate
        givenUp = sum
    }

    /// A client that gave up later than the bound had a slow request, however long it would have taken. A client that
    /// gave up earlier says nothing. This applies to both sides alike.
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

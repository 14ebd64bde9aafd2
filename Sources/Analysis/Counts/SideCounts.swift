import Foundation
import ModelManifests
import Serving

/// The counts of one side, summed over its instances: of one interval, or since counting began.
package struct SideCounts: Codable, Hashable, Sendable {
    package var requests: Int
    /// 5xx, connection failures, resets and time-outs.
    package var errors: Int
    /// 4xx.
    package var rejected: Int
    /// Requests meant for this side but not served by it. Not part of `requests`.
    package var unavailable: Int
    /// Requests at or under each of `bounds`, cumulative. One more value at the end is the histogram's total. Without
    /// it, the total is `requests`.
    package var latency: [Int]
    /// Upper bounds in seconds, ascending, without infinity.
    package var bounds: [Double]
    /// Requests whose client gave up after it had waited longer than each of `bounds`. They are in none of the counts
    /// above. Empty if there were none, or if it is not known.
    package var abandoned: [Int]
    /// For each request that failed or was unavailable, the number of such requests of its instance in the same event;
    /// the sum of these. It equals the number of failures if each came alone, and its square if all were one event. Nil
    /// if the source cannot tell.
    package var errorsTogether: Int?
    /// The same for requests that were slower, or were abandoned later, than each of `bounds`.
    package var slowTogether: [Int]?
    /// The counts of all users' requests, if the counts above are of each user's first request only. Nil if those are
    /// of all.
    package var every: RequestStratum?
    /// Users of a sticky route, a window of time at a time; nil where requests are routed at random.
    package var users: UserCounters?
    /// What became of requests that mlctl itself sent: a stratum of its own, never added to the users'.
    package var synthetic: RequestStratum?
    /// The number of values in each bucket, by the observation's name.
    package var observed: [String: [Int]]
    /// A shadow's answers compared with those that users got.
    package var pairs: PairCounts
    /// Further counters by name.
    package var named: [String: Double]
    /// Users' requests by slice of the traffic; the keys are the slices' labels. Nil if traffic is not sliced.
    package var slices: [String: SliceCounts]?

    package init(
        requests: Int = 0, errors: Int = 0, rejected: Int = 0, unavailable: Int = 0, latency: [Int] = [],
        bounds: [Double] = [], abandoned: [Int] = [], errorsTogether: Int? = nil, slowTogether: [Int]? = nil,
        every: RequestStratum? = nil, users: UserCounters? = nil, synthetic: RequestStratum? = nil,
        observed: [String: [Int]] = [:], pairs: PairCounts = PairCounts(),
        named: [String: Double] = [:], slices: [String: SliceCounts]? = nil
    ) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.unavailable = unavailable
        self.latency = latency
        self.bounds = bounds
        self.abandoned = abandoned
        self.errorsTogether = errorsTogether
        self.slowTogether = slowTogether
        self.every = every
        self.users = users
        self.synthetic = synthetic
        self.observed = observed
        self.pairs = pairs
        self.named = named
        self.slices = slices
    }

    /// A record of an older controller has fewer fields.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        requests = try fields.decode(Int.self, forKey: .requests)
        errors = try fields.decode(Int.self, forKey: .errors)
        rejected = try fields.decode(Int.self, forKey: .rejected)
        unavailable = try fields.decodeIfPresent(Int.self, forKey: .unavailable) ?? 0
        latency = try fields.decode([Int].self, forKey: .latency)
        bounds = try fields.decode([Double].self, forKey: .bounds)
        abandoned = try fields.decodeIfPresent([Int].self, forKey: .abandoned) ?? []
        errorsTogether = try fields.decodeIfPresent(Int.self, forKey: .errorsTogether)
        slowTogether = try fields.decodeIfPresent([Int].self, forKey: .slowTogether)
        every = try fields.decodeIfPresent(RequestStratum.self, forKey: .every)
        users = try fields.decodeIfPresent(UserCounters.self, forKey: .users)
        synthetic = try fields.decodeIfPresent(RequestStratum.self, forKey: .synthetic)
        observed = try fields.decode([String: [Int]].self, forKey: .observed)
        pairs = try fields.decode(PairCounts.self, forKey: .pairs)
        named = try fields.decode([String: Double].self, forKey: .named)
        slices = try fields.decodeIfPresent([String: SliceCounts].self, forKey: .slices)
    }

    /// Requests that were meant for this side, and those of them that it failed or did not serve.
    package var meant: (requests: Int, failed: Int) { (requests + unavailable, errors + unavailable) }

    /// The number of requests with a known latency.
    package var latencyTotal: Int {
        if bounds.isEmpty { return 0 }
        return latency.count == bounds.count + 1 ? latency[bounds.count] : requests
    }

    /// - Returns: requests at or under `edge` seconds. Nil if `edge` is not one of the bounds.
    package func atOrUnder(_ edge: Double) -> Int? {
        guard latency.count >= bounds.count, let index = bounds.firstIndex(where: { Self.same($0, edge) }) else {
            return nil
        }
        return latency[index]
    }

    /// Why these counters are invalid. Nil if they are valid.
    package var impossibility: String? {
        if min(requests, errors, rejected, unavailable) < 0 || latency.contains(where: { $0 < 0 }) {
            return "a negative count"
        }
        if errors > requests { return "more errors than requests" }
        if rejected > requests { return "more rejected than requests" }
        if !(bounds.isEmpty && latency.isEmpty), latency.count != bounds.count, latency.count != bounds.count + 1 {
            return "\(latency.count) latency buckets for \(bounds.count) bounds"
        }
        if zip(bounds, bounds.dropFirst()).contains(where: { $0 >= $1 }) { return "latency bounds out of order" }
        let buckets = bounds.isEmpty ? [] : Array(latency.prefix(bounds.count)) + [latencyTotal]
        if zip(buckets, buckets.dropFirst()).contains(where: { $0 > $1 }) { return "latency buckets that shrink" }
        return impossibilityOfTogether ?? impossibilityOfUsers ?? impossibilityBeside ?? impossibilityOfSlices
    }

    /// The difference to `earlier`. Nil if a counter fell or the difference is invalid. If the bounds differ, the
    /// difference has no latency, except if nothing was counted before: then all buckets began at 0.
    package func increment(since earlier: SideCounts) -> SideCounts? {
        var difference = SideCounts(
            requests: requests - earlier.requests, errors: errors - earlier.errors,
            rejected: rejected - earlier.rejected, unavailable: unavailable - earlier.unavailable)
        if bounds == earlier.bounds, latency.count == earlier.latency.count {
            difference.bounds = bounds
            difference.latency = zip(latency, earlier.latency).map { $0 - $1 }
        } else if earlier.isBeforeAnyRequest {
            (difference.bounds, difference.latency) = (bounds, latency)
        }
        difference.setEventSizes(self, since: earlier)
        difference.setUserCounts(self, since: earlier)
        difference.setAuxiliaryCounters(self, since: earlier)
        difference.setSliceCounts(self, since: earlier)
        return difference.impossibility == nil ? difference : nil
    }

    /// Whether nothing was counted yet, and the latency bounds are not known.
    var isBeforeAnyRequest: Bool { requests == 0 && bounds.isEmpty && (synthetic?.requests ?? 0) == 0 }

    /// Whether no request of a user has ended or was abandoned.
    var isIdle: Bool { requests == 0 && abandoned.isEmpty }

    /// Whether no counter is below the same counter of `other`.
    package func covers(_ other: SideCounts) -> Bool {
        guard requests >= other.requests, errors >= other.errors, rejected >= other.rejected,
            unavailable >= other.unavailable, coversUserCounts(other), coversAuxiliaryCounters(other)
        else { return false }
        guard bounds == other.bounds, latency.count == other.latency.count else { return true }
        return zip(latency, other.latency).allSatisfy { $0 >= $1 } && coversEventSizes(other)
    }

    /// The sum of two instances. Of their histograms it has the common edges: counts at or under a common edge can be
    /// added, whatever the other edges are.
    package static func + (left: SideCounts, right: SideCounts) -> SideCounts {
        var sum = SideCounts(
            requests: left.requests + right.requests, errors: left.errors + right.errors,
            rejected: left.rejected + right.rejected, unavailable: left.unavailable + right.unavailable)
        if left.requests == 0, left.bounds.isEmpty {
            (sum.latency, sum.bounds) = (right.latency, right.bounds)
        } else if right.requests == 0, right.bounds.isEmpty {
            (sum.latency, sum.bounds) = (left.latency, left.bounds)
        } else {
            sum.bounds = left.bounds.filter { right.atOrUnder($0) != nil && left.atOrUnder($0) != nil }
            sum.latency = sum.bounds.map { (left.atOrUnder($0) ?? 0) + (right.atOrUnder($0) ?? 0) }
            if !sum.bounds.isEmpty { sum.latency.append(left.latencyTotal + right.latencyTotal) }
        }
        sum.addEventSizes(left, right)
        sum.addUserCounts(left, right)
        sum.addAuxiliaryCounters(left, right)
        sum.addSliceCounts(left, right)
        return sum
    }

    package mutating func add(_ other: SideCounts) { self = self + other }

    package static func isSameBound(_ left: Double, _ right: Double) -> Bool { same(left, right) }

    /// Bounds are written as decimals and may come from two programs. They are equal if nine digits agree.
    static func same(_ left: Double, _ right: Double) -> Bool {
        left == right || abs(left - right) <= 1e-9 * max(abs(left), abs(right))
    }
}

/// The unit of evidence: what both sides added between two looks.
///
/// Looks may come at any times that do not depend on the outcomes within the interval: a schedule, a number of
/// requests, a scrape. Intervals are never pooled, because weights and base rates change between them.
package struct Interval: Codable, Hashable, Sendable {
    /// The source of stable's traffic before the rollout. It is not evidence; gates use it to choose their bounds.
    package static let stableHistory = "stable history"

    /// The end of the interval.
    package var at: Date
    /// The source of the counters. A gate uses only those of its own source.
    package var source: String
    package var stable: SideCounts
    package var candidate: SideCounts

    /// Whether nothing ended on either side.
    package var isEmpty: Bool { stable == SideCounts() && candidate == SideCounts() }

    /// The interval with requests that a side did not serve counted as its failed requests: a revision that is missing
    /// when it is needed has failed its users.
    package var countingUnavailable: Interval {
        var interval = self
        (interval.stable.requests, interval.stable.errors) = stable.meant
        (interval.candidate.requests, interval.candidate.errors) = candidate.meant
        return interval
    }

    package init(
        at: Date, source: String = MetricSourceName.proxy, stable: SideCounts, candidate: SideCounts
    ) {
        self.at = at
        self.source = source
        self.stable = stable
        self.candidate = candidate
    }
}

import Foundation
import ModelManifests
import Serving

/// What ended in one interval on one side, or since counting began: summed over the side's instances.
public struct SideCounts: Codable, Hashable, Sendable {
    public var requests: Int
    /// 5xx, connection failures, resets and time-outs.
    public var errors: Int
    /// 4xx.
    public var rejected: Int
    /// Meant for this side and not served by it: not part of `requests`.
    public var unavailable: Int
    /// Requests at or under each of `bounds`, cumulative. One more at the end is the histogram's total; without it the
    /// total is `requests`.
    public var latency: [Int]
    /// Upper bounds in seconds, ascending, without infinity.
    public var bounds: [Double]
    /// Requests whose client gave up after it had waited longer than each of `bounds`: in none of the counts above. Empty:
    /// none, or not known.
    public var abandoned: [Int]
    /// For each request that failed, or was unavailable, how many of its instance did in the same event, summed; nil where
    /// the source cannot tell. So it is the number of failures where each came alone, and its square where all were one.
    public var errorsTogether: Int?
    /// The same for requests slower, or abandoned later, than each of `bounds`.
    public var slowTogether: [Int]?
    /// Every request of users, where the counts above are of each user's first alone; nil where they are of all.
    public var every: RequestStratum?
    /// Users of a sticky route, a window of time at a time; nil where requests are routed at random.
    public var users: UserCounters?
    /// What became of requests that mlctl itself sent: a stratum of its own, never added to the users'.
    public var synthetic: RequestStratum?
    /// Values that fell into each bucket, by the observation's name.
    public var observed: [String: [Int]]
    /// A shadow's answers against those that users got.
    public var pairs: PairCounts
    /// Further counters by name.
    public var named: [String: Double]
    /// Requests of users by slices of the traffic, by the slice's label; nil where it is not sliced.
    public var slices: [String: SliceCounts]?

    public init(
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

    /// A record that an older controller kept knows less.
    public init(from decoder: any Decoder) throws {
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

    /// Requests that were meant for this side, and those of them that it did not serve well.
    public var meant: (requests: Int, failed: Int) { (requests + unavailable, errors + unavailable) }

    /// Requests whose latency is known.
    public var latencyTotal: Int {
        if bounds.isEmpty { return 0 }
        return latency.count == bounds.count + 1 ? latency[bounds.count] : requests
    }

    /// - Returns: requests at or under `edge` seconds; nil where `edge` is not one of the bounds.
    public func atOrUnder(_ edge: Double) -> Int? {
        guard latency.count >= bounds.count, let index = bounds.firstIndex(where: { Self.same($0, edge) }) else {
            return nil
        }
        return latency[index]
    }

    /// Why no counters can read so; nil where they can.
    public var impossibility: String? {
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

    /// What was added since `earlier`; nil where a counter fell or the difference cannot be one of counters.
    /// Without one set of bounds in both, the difference has no latency; what began at nothing had all of them at 0.
    public func increment(since earlier: SideCounts) -> SideCounts? {
        var difference = SideCounts(
            requests: requests - earlier.requests, errors: errors - earlier.errors,
            rejected: rejected - earlier.rejected, unavailable: unavailable - earlier.unavailable)
        if bounds == earlier.bounds, latency.count == earlier.latency.count {
            difference.bounds = bounds
            difference.latency = zip(latency, earlier.latency).map { $0 - $1 }
        } else if earlier.isBeforeAnyRequest {
            (difference.bounds, difference.latency) = (bounds, latency)
        }
        difference.takeTogether(self, since: earlier)
        difference.takeUsers(self, since: earlier)
        difference.takeBeside(self, since: earlier)
        difference.takeSlices(self, since: earlier)
        return difference.impossibility == nil ? difference : nil
    }

    /// Nothing was counted yet, nor is known of how latencies will be.
    var isBeforeAnyRequest: Bool { requests == 0 && bounds.isEmpty && (synthetic?.requests ?? 0) == 0 }

    /// No request of a user has ended, or was given up.
    var isIdle: Bool { requests == 0 && abandoned.isEmpty }

    /// True where no counter is below the same counter of `other`.
    public func covers(_ other: SideCounts) -> Bool {
        guard requests >= other.requests, errors >= other.errors, rejected >= other.rejected,
            unavailable >= other.unavailable, coversUsers(other), coversBeside(other)
        else { return false }
        guard bounds == other.bounds, latency.count == other.latency.count else { return true }
        return zip(latency, other.latency).allSatisfy { $0 >= $1 } && coversTogether(other)
    }

    /// Counts of two instances together. Of their histograms, the edges that both have: what lies at or under a common
    /// edge adds up, whatever the other edges are.
    public static func + (left: SideCounts, right: SideCounts) -> SideCounts {
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
        sum.addTogether(left, right)
        sum.addUsers(left, right)
        sum.addBeside(left, right)
        sum.addSlices(left, right)
        return sum
    }

    public mutating func add(_ other: SideCounts) { self = self + other }

    public static func isSameBound(_ left: Double, _ right: Double) -> Bool { same(left, right) }

    /// Bounds are written in decimals and may come from two programs: equal to nine digits is equal.
    static func same(_ left: Double, _ right: Double) -> Bool {
        left == right || abs(left - right) <= 1e-9 * max(abs(left), abs(right))
    }
}

/// The unit of evidence: what both sides added between two looks.
///
/// Looks may come at any time that does not depend on the outcomes within the interval: a schedule, a number of
/// requests, a scrape. Intervals are never pooled: weights and base rates change between them.
public struct Interval: Codable, Hashable, Sendable {
    /// The source of what is no evidence: stable's traffic from before, by which gates choose their bounds.
    public static let stableHistory = "stable history"

    /// Its end.
    public var at: Date
    /// Whose counters these are: a gate takes those of its own source only.
    public var source: String
    public var stable: SideCounts
    public var candidate: SideCounts

    /// Nothing ended on either side.
    public var isEmpty: Bool { stable == SideCounts() && candidate == SideCounts() }

    /// The same with what was meant for a side and not served by it as failed requests of that side: a revision that is not
    /// there when it is needed has failed those who needed it.
    public var countingUnavailable: Interval {
        var interval = self
        (interval.stable.requests, interval.stable.errors) = stable.meant
        (interval.candidate.requests, interval.candidate.errors) = candidate.meant
        return interval
    }

    public init(
        at: Date, source: String = MetricSourceName.proxy, stable: SideCounts, candidate: SideCounts
    ) {
        self.at = at
        self.source = source
        self.stable = stable
        self.candidate = candidate
    }
}

import Serving

/// What only mlctl's own proxy reports about a side, besides requests, errors and latency.
package struct ReplayProxy: Codable, Hashable, Sendable {
    /// Requests meant for this side but not served by it.
    package var unavailable: Int?
    /// Requests whose clients gave up after more than each bound.
    package var abandoned: ReplayBoundCounts?
    package var together: ReplayEventSizes?
    /// All requests, if the side's own counts are of each sticky user's first request.
    package var every: ReplayStratum?
    /// Clients that gave up, among all requests.
    package var everyAbandoned: ReplayBoundCounts?
    package var users: ReplayUsers?
    /// Slices of the traffic, by label: requests, errors, rejected, and the event sizes of errors; then for each bound
    /// that a gate chose: the bound, the requests, those over it, and their event sizes.
    package var slices: [String: SliceCounts]?

    /// - Returns: nil if there is nothing to report.
    init?(_ counts: SideCounts) {
        unavailable = counts.unavailable > 0 ? counts.unavailable : nil
        abandoned = ReplayBoundCounts(bounds: counts.bounds, counts: counts.abandoned)
        together = ReplayEventSizes(counts)
        if let all = counts.every {
            every = ReplayStratum(counts.ofEveryRequest)
            everyAbandoned = ReplayBoundCounts(bounds: counts.bounds, counts: all.abandoned)
        }
        users = counts.users.map { ReplayUsers($0, bounds: counts.bounds) }
        slices = counts.slices
        if unavailable == nil, abandoned == nil, together == nil, every == nil, users == nil, slices == nil {
            return nil
        }
    }
}

/// `{"0.1": 12, "0.25": 4}`: the number over each bound in seconds, for counts that a histogram cannot express.
package struct ReplayBoundCounts: Codable, Hashable, Sendable {
    package var bounds: [Double]
    /// One for each bound.
    package var counts: [Int]

    /// - Returns: nil if there are no counts.
    init?(bounds: [Double], counts: [Int]?) {
        guard let counts, !counts.isEmpty, counts.count == bounds.count else { return nil }
        self.bounds = bounds
        self.counts = counts
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let pairs = try container.decode([String: Int].self).map { key, count in
            guard let bound = Double(key), bound.isFinite else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "bound \"\(key)\" is not a number of seconds")
            }
            return (bound: bound, count: count)
        }.sorted { $0.bound < $1.bound }
        bounds = pairs.map(\.bound)
        counts = pairs.map(\.count)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(
            Dictionary(zip(bounds.map { "\($0)" }, counts), uniquingKeysWith: { _, last in last }))
    }
}

/// How many requests of one instance failed, or were slow, in one event: see `SideCounts.errorsTogether`.
package struct ReplayEventSizes: Codable, Hashable, Sendable {
    package var errors: Int?
    package var slow: ReplayBoundCounts?

    /// - Returns: nil if the source cannot tell.
    init?(_ counts: SideCounts) {
        errors = counts.errorsTogether
        slow = ReplayBoundCounts(bounds: counts.bounds, counts: counts.slowTogether)
        if errors == nil, slow == nil { return nil }
    }
}

/// Users of a sticky route by windows of time.
package struct ReplayUsers: Codable, Hashable, Sendable {
    package var windows: Int
    package var units: Int
    package var failed: Int
    package var touched: Int
    package var rejected: Int
    package var slowed: ReplayBoundCounts?
    package var dropped: Int

    init(_ users: UserCounters, bounds: [Double]) {
        windows = users.windows
        units = users.units
        failed = users.failed
        touched = users.touched
        rejected = users.rejected
        slowed = ReplayBoundCounts(bounds: bounds, counts: users.slowed)
        dropped = users.dropped
    }

    /// - Parameter slowed: at the bounds of the side's latency.
    func counts(slowed: [Int]) -> UserCounters {
        UserCounters(
            windows: windows, units: units, failed: failed, touched: touched, rejected: rejected, slowed: slowed,
            dropped: dropped)
    }
}

import ModelManifests

/// The cumulative counters of one instance, from one source, at one time.
package struct Reading: Hashable, Codable, Sendable {
    /// The `instance` of the reading that counts a revision's `unavailable` requests, which reached no instance.
    package static func unserved(_ revision: Revision) -> String { "unserved-\(revision)" }
    /// The `instance` of the reading that counts a revision's `users`, who go to all of its instances.
    package static func users(_ revision: Revision) -> String { "users-\(revision)" }
    /// The `instance` of the reading that counts the requests drawn for a revision. It only has `split`.
    package static func split(_ revision: Revision) -> String { "split-\(revision)" }
    /// The `instance` of the reading that counts what an instance costs. Its counters are those of `CostCounter`, and
    /// have their own epoch.
    package static func cost(_ instance: String) -> String { "cost-\(instance)" }
    /// The proxy that counted, of several; empty where there is only one.
    package static func proxy(of instance: String) -> Substring {
        instance.lastIndex(of: "@").map { instance[instance.index(after: $0)...] } ?? ""
    }

    package var instance: String
    package var revision: Revision
    /// Changes whenever the source starts counting from zero: the proxy or the server restarted.
    package var epoch: String
    package var counters: RequestCounters
    /// Ids of the instance's last failed requests, newest last, if the source knows them. Not evidence: they tell
    /// people where to look.
    package var failedRequestIds: [String]
    /// The data plane has taken the instance out of rotation because it serves much worse than its siblings.
    package var isOutlier: Bool
    /// The counters of a revision's split, in a reading of their own (`Reading.split`).
    package var split: SplitCounters?
    /// The cost of an instance, in a reading of its own (`Reading.cost`).
    package var cost: InstanceCost?

    package init(
        instance: String, revision: Revision, epoch: String, counters: RequestCounters, failedRequestIds: [String] = [],
        isOutlier: Bool = false, split: SplitCounters? = nil, cost: InstanceCost? = nil
    ) {
        self.instance = instance
        self.revision = revision
        self.epoch = epoch
        self.counters = counters
        self.failedRequestIds = failedRequestIds
        self.isOutlier = isOutlier
        self.split = split
        self.cost = cost
    }
}

extension [Reading] {
    /// Ids of the last failed requests of all the revision's instances, newest last, at most `limit`. The time comes
    /// from the id.
    package func failedRequestIds(of revision: Revision, limit: Int) -> [String] {
        let dated = filter { $0.revision == revision }.flatMap(\.failedRequestIds).map { id in
            (id: id, atSeconds: RequestIdentity(unverified: id)?.atSeconds ?? 0)
        }
        // Ids of the same second keep their order, because each instance lists its ids in order.
        let ordered = dated.enumerated().sorted {
            ($0.element.atSeconds, $0.offset) < ($1.element.atSeconds, $1.offset)
        }
        return ordered.suffix(limit).map(\.element.id)
    }
}

/// Counts of requests that have ended, since counting began. A request counts when it ends or times out.
package struct RequestCounters: Hashable, Codable, Sendable {
    package var requests: Int
    /// 5xx, connection failures, resets and time-outs at the first attempt. Requests that the client aborted are left
    /// out.
    package var errors: Int
    /// 4xx.
    package var rejected: Int
    /// Requests that were meant for this revision but not served by it, because none of its instances could take them.
    /// Counted for the revision in a reading of its own (`Reading.unserved`). Not part of `requests`.
    package var unavailable: Int
    /// Requests at or under each bound of `bounds`, cumulative as in Prometheus. The last value is `requests`. For
    /// streams, the latency is the time to the first byte.
    package var latency: [Int]
    /// Upper bounds in seconds, ascending. The infinite bound is left out, because its count is `requests`.
    package var bounds: [Double]
    /// Requests whose client gave up after it had waited longer than each bound of `bounds` for the first byte of the
    /// answer, or for the next byte if the answer had begun. Not part of `requests`, nor of `latency`. Empty if there
    /// were none, or if the source cannot tell.
    package var abandoned: [Int]
    /// For each request that failed or was unavailable, the number of such requests in the same event; the sum of these
    /// numbers. Failures belong to one event if they lie within 5 ms or have no good answer between them. Nil if the
    /// source cannot tell.
    package var errorsTogether: Int?
    /// The same for requests that were slower than each bound of `bounds`, or were abandoned later than that.
    package var slowTogether: [Int]?
    /// Counts of all users' requests, if the counters above count only each user's first. Nil if those count all
    /// requests.
    package var every: TrafficCounters?
    /// Users of a sticky route, in a reading of its own (`Reading.users`).
    package var users: UserCounters?
    /// Recorded requests that mlctl sent, counted separately from those of users. Nil if there were none.
    package var synthetic: SyntheticCounters?
    /// The number of values in each bucket, by the name of the observation of requests or answers.
    package var observed: [String: [Int]]
    /// For a shadow: its answers compared with those that users got.
    package var pairs: PairCounters?
    /// Further cumulative counters by name, from sources other than the proxy.
    package var named: [String: Double]
    /// Users' requests by slice of the traffic; the keys are `TrafficSlice.label`. Nil if traffic is not sliced.
    package var slices: [String: SliceCounters]?

    package init(
        requests: Int = 0, errors: Int = 0, rejected: Int = 0, unavailable: Int = 0, latency: [Int] = [],
        bounds: [Double] = [], abandoned: [Int] = [], errorsTogether: Int? = nil, slowTogether: [Int]? = nil,
        every: TrafficCounters? = nil, users: UserCounters? = nil, synthetic: SyntheticCounters? = nil,
        observed: [String: [Int]] = [:], pairs: PairCounters? = nil,
        named: [String: Double] = [:], slices: [String: SliceCounters]? = nil
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

    /// A data plane that is older than its controller counts less.
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
        every = try fields.decodeIfPresent(TrafficCounters.self, forKey: .every)
        users = try fields.decodeIfPresent(UserCounters.self, forKey: .users)
        synthetic = try fields.decodeIfPresent(SyntheticCounters.self, forKey: .synthetic)
        observed = try fields.decode([String: [Int]].self, forKey: .observed)
        pairs = try fields.decodeIfPresent(PairCounters.self, forKey: .pairs)
        named = try fields.decode([String: Double].self, forKey: .named)
        slices = try fields.decodeIfPresent([String: SliceCounters].self, forKey: .slices)
    }

    /// Requests whose clients gave up.
    package var abandonedTotal: Int { abandoned.first ?? 0 }
}

/// Results of requests that mlctl itself sent. The latency bounds are those of the instance's own histogram.
package struct SyntheticCounters: Hashable, Codable, Sendable {
    package var requests: Int
    package var errors: Int
    package var rejected: Int
    package var latency: [Int]

    package init(requests: Int = 0, errors: Int = 0, rejected: Int = 0, latency: [Int] = []) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.latency = latency
    }
}

/// Results of all users' requests, including those that are not evidence by themselves. The latency bounds are those of
/// the instance's own histogram.
package struct TrafficCounters: Hashable, Codable, Sendable {
    package var requests: Int
    package var errors: Int
    package var rejected: Int
    package var latency: [Int]
    package var abandoned: [Int]

    package init(requests: Int = 0, errors: Int = 0, rejected: Int = 0, latency: [Int] = [], abandoned: [Int] = []) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.latency = latency
        self.abandoned = abandoned
    }
}

/// Answers of a shadow, compared with those that users got to the same requests.
package struct PairCounters: Hashable, Codable, Sendable {
    /// Requests for which the user got an answer and the shadow answered or failed.
    package var pairs: Int
    package var disagreements: Int
    /// The sum over pairs of the mean distance between their numbers, as a share of `ShadowComparison.range`: 0…1 for
    /// each pair.
    package var distance: Double
    /// Requests that were not copied or not compared, because the shadow is too slow or a body is too large.
    package var dropped: Int
    /// Those of the dropped requests whose body is over the bound of `ShadowComparison`.
    package var tooLarge: Int

    package init(pairs: Int = 0, disagreements: Int = 0, distance: Double = 0, dropped: Int = 0, tooLarge: Int = 0) {
        self.tooLarge = tooLarge
        self.pairs = pairs
        self.disagreements = disagreements
        self.distance = distance
        self.dropped = dropped
    }
}

extension PairCounters {
    /// A data plane that is older than its controller does not report which bodies were too large.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            pairs: try fields.decode(Int.self, forKey: .pairs),
            disagreements: try fields.decode(Int.self, forKey: .disagreements),
            distance: try fields.decode(Double.self, forKey: .distance),
            dropped: try fields.decode(Int.self, forKey: .dropped),
            tooLarge: try fields.decodeIfPresent(Int.self, forKey: .tooLarge) ?? 0)
    }
}

/// The latency bounds of the proxy's own histogram: the R10 series of preferred numbers (ISO 3), from 0.5 ms to 100 s.
package enum LatencyBounds {
    package static let seconds: [Double] = {
        let steps = [100.0, 125, 160, 200, 250, 315, 400, 500, 630, 800]
        let divisors = [1_000_000.0, 100_000, 10_000, 1_000, 100, 10]  // Dividing gives exactly 0.16.
        return (divisors.flatMap { divisor in steps.map { $0 / divisor } } + [100]).filter { $0 >= 0.0005 }
    }()
}

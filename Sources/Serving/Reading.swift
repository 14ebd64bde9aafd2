import ModelManifests

/// Cumulative counters of one instance, from one source, at one time.
public struct Reading: Hashable, Codable, Sendable {
    /// The `instance` of the reading that counts a revision's `unavailable` requests: no instance had them.
    public static func unserved(_ revision: Revision) -> String { "unserved-\(revision)" }
    /// That of the reading that counts a revision's `users`: they go to all of its instances.
    public static func users(_ revision: Revision) -> String { "users-\(revision)" }
    /// That of the reading that counts what a revision was given of the traffic: `split` is all that it has.
    public static func split(_ revision: Revision) -> String { "split-\(revision)" }
    /// That of the reading that counts what an instance costs: its counters are `CostCounter`'s, and count anew elsewhere.
    public static func cost(_ instance: String) -> String { "cost-\(instance)" }
    /// The proxy that counted, of several; empty where there is only one.
    public static func proxy(of instance: String) -> Substring {
        instance.lastIndex(of: "@").map { instance[instance.index(after: $0)...] } ?? ""
    }

    public var instance: String
    public var revision: Revision
    /// Changes whenever the source starts counting anew: a restarted proxy or server.
    public var epoch: String
    public var counters: RequestCounters
    /// Ids of its last failing requests, newest last, where the source knows them. No evidence: they tell people where
    /// to look.
    public var failedRequestIds: [String]
    /// The data plane has it out of rotation, because it serves much worse than its siblings.
    public var isOutlier: Bool
    /// Of a revision, in a reading of its own (`Reading.split`).
    public var split: SplitCounters?
    /// Of an instance, in a reading of its own (`Reading.cost`).
    public var cost: InstanceCost?

    public init(
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
    /// The last that failed at any of the revision's instances, newest last, at most `limit`: an id says when it was
    /// given out.
    public func failedRequestIds(of revision: Revision, limit: Int) -> [String] {
        let dated = filter { $0.revision == revision }.flatMap(\.failedRequestIds).map { id in
            (id: id, atSeconds: RequestIdentity(unverified: id)?.atSeconds ?? 0)
        }
        // By place where the second is the same: sorting must not shuffle what one instance has in order.
        let ordered = dated.enumerated().sorted {
            ($0.element.atSeconds, $0.offset) < ($1.element.atSeconds, $1.offset)
        }
        return ordered.suffix(limit).map(\.element.id)
    }
}

/// What has ended since counting began. A request enters when it ends or times out.
public struct RequestCounters: Hashable, Codable, Sendable {
    public var requests: Int
    /// 5xx, connection failures, resets and time-outs at the first attempt. The client's own aborts are left out.
    public var errors: Int
    /// 4xx.
    public var rejected: Int
    /// Meant for this revision and not served by it, because none of its instances could take them. Counted for the
    /// revision, in a reading of its own (`Reading.unserved`); not part of `requests`.
    public var unavailable: Int
    /// Requests at or under each bound of `bounds`, cumulative as Prometheus has them; the last is `requests`.
    /// For streams, the time to the first byte.
    public var latency: [Int]
    /// Upper bounds in seconds, ascending; infinity is left out: it is `requests`.
    public var bounds: [Double]
    /// Requests whose client gave up after it had waited longer than each bound of `bounds`: for the first byte of the
    /// answer, or for the next one where it had begun. Not part of `requests`, nor of `latency`. Empty where there were none,
    /// and where the source cannot tell.
    public var abandoned: [Int]
    /// For each request that failed, or was unavailable, how many did in the same event, summed. An event is what fails
    /// within 5 ms, or without a good answer between. Nil where the source cannot tell.
    public var errorsTogether: Int?
    /// The same for requests that were slower than each bound of `bounds`, or were abandoned later than that.
    public var slowTogether: [Int]?
    /// Every request of users, where the counters above are of each user's first alone; nil where they are of all.
    public var every: TrafficCounters?
    /// Of a sticky route, in a reading of its own (`Reading.users`).
    public var users: UserCounters?
    /// Recorded requests that were sent to try it, counted apart from those of users; nil where there were none.
    public var synthetic: SyntheticCounters?
    /// What was seen in answers or requests, by the observation's name: how many values fell into each bucket.
    public var observed: [String: [Int]]
    /// Of a shadow: its answers against those that users got.
    public var pairs: PairCounters?
    /// Further cumulative counters by name, as a source other than the proxy has them.
    public var named: [String: Double]
    /// Requests of users by slices of the traffic, by `TrafficSlice.label`; nil where it is not sliced.
    public var slices: [String: SliceCounters]?

    public init(
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

    /// A data plane that was started before its controller was upgraded counts less.
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
        every = try fields.decodeIfPresent(TrafficCounters.self, forKey: .every)
        users = try fields.decodeIfPresent(UserCounters.self, forKey: .users)
        synthetic = try fields.decodeIfPresent(SyntheticCounters.self, forKey: .synthetic)
        observed = try fields.decode([String: [Int]].self, forKey: .observed)
        pairs = try fields.decodeIfPresent(PairCounters.self, forKey: .pairs)
        named = try fields.decode([String: Double].self, forKey: .named)
        slices = try fields.decodeIfPresent([String: SliceCounters].self, forKey: .slices)
    }

    /// Clients that gave up.
    public var abandonedTotal: Int { abandoned.first ?? 0 }
}

/// What became of requests that mlctl itself sent; the bounds are those of the instance's own histogram.
public struct SyntheticCounters: Hashable, Codable, Sendable {
    public var requests: Int
    public var errors: Int
    public var rejected: Int
    public var latency: [Int]

    public init(requests: Int = 0, errors: Int = 0, rejected: Int = 0, latency: [Int] = []) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.latency = latency
    }
}

/// What became of all requests of users, also of those that are no evidence by themselves. The bounds are those of the
/// instance's own histogram.
public struct TrafficCounters: Hashable, Codable, Sendable {
    public var requests: Int
    public var errors: Int
    public var rejected: Int
    public var latency: [Int]
    public var abandoned: [Int]

    public init(requests: Int = 0, errors: Int = 0, rejected: Int = 0, latency: [Int] = [], abandoned: [Int] = []) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.latency = latency
        self.abandoned = abandoned
    }
}

/// Answers of a shadow that were held against those that users got to the same requests.
public struct PairCounters: Hashable, Codable, Sendable {
    /// Requests that the user was answered, and the shadow was answered or failed.
    public var pairs: Int
    public var disagreements: Int
    /// Sum over pairs of the mean distance of their numbers, each as a share of `ShadowComparison.range`, 0…1.
    public var distance: Double
    /// Requests that were not copied, or not compared: the shadow is too slow, or a body too large.
    public var dropped: Int
    /// Those of them with a body over the bound of `ShadowComparison`.
    public var tooLarge: Int

    public init(pairs: Int = 0, disagreements: Int = 0, distance: Double = 0, dropped: Int = 0, tooLarge: Int = 0) {
        self.tooLarge = tooLarge
        self.pairs = pairs
        self.disagreements = disagreements
        self.distance = distance
        self.dropped = dropped
    }
}

extension PairCounters {
    /// A data plane that was started before its controller was upgraded does not say which were too large.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            pairs: try fields.decode(Int.self, forKey: .pairs),
            disagreements: try fields.decode(Int.self, forKey: .disagreements),
            distance: try fields.decode(Double.self, forKey: .distance),
            dropped: try fields.decode(Int.self, forKey: .dropped),
            tooLarge: try fields.decodeIfPresent(Int.self, forKey: .tooLarge) ?? 0)
    }
}

/// The bounds of the proxy's own histogram: the R10 series of preferred numbers (ISO 3), 0.5 ms to 100 s.
public enum LatencyBounds {
    public static let seconds: [Double] = {
        let steps = [100.0, 125, 160, 200, 250, 315, 400, 500, 630, 800]
        let divisors = [1_000_000.0, 100_000, 10_000, 1_000, 100, 10]  // Divided, so that 0.16 is 0.16.
        return (divisors.flatMap { divisor in steps.map { $0 / divisor } } + [100]).filter { $0 >= 0.0005 }
    }()
}

/// A side's cumulative counters. Nil if the recording does not have them.
package struct ReplaySide: Hashable, Sendable {
    package var requests: Int?
    package var errors: Int?
    package var rejected: Int?
    /// Requests at or under each bound in seconds, including `+Inf`.
    package var latency: ReplayLatency?
    package var proxy: ReplayProxy?
    package var synthetic: ReplayStratum?
    package var pairs: Int?
    package var disagreements: Int?
    /// The sum over the pairs.
    package var distance: Double?
    /// By the observation's name.
    package var observed: [String: ReplayBuckets] = [:]
    /// Further counters. A name that is also the name of a field above is written only as that field.
    package var named: [String: Double] = [:]
    /// Values that are not counts, by name, with the reason. They are treated as missing, and reported.
    private(set) var unreadable: [String: String] = [:]

    package init() {}

    /// All values of these cumulative counts.
    package init(_ counts: SideCounts) {
        requests = counts.requests
        errors = counts.errors
        rejected = counts.rejected
        if !counts.bounds.isEmpty { latency = ReplayLatency(counts) }
        proxy = ReplayProxy(counts)
        synthetic = counts.syntheticCounts.map(ReplayStratum.init)
        if counts.pairs != PairCounts() {
            pairs = counts.pairs.pairs
            disagreements = counts.pairs.disagreements
            distance = counts.pairs.distance
        }
        observed = counts.observed.mapValues(ReplayBuckets.counts)
        named = counts.named.filter { !Key.reserved.contains($0.key) }
    }

    /// Everything except the requests that mlctl sent.
    var users: ReplayStratum {
        ReplayStratum(requests: requests, errors: errors, rejected: rejected, latency: latency)
    }

    /// A counter by name, including the fields above.
    func counter(_ name: String) -> Double? {
        if let value = named[name] { return value }
        let own: [String: Int?] = [
            "requests": requests, "errors": errors, "rejected": rejected, "pairs": pairs,
            "disagreements": disagreements,
        ]
        return name == "distance" ? distance : own[name]?.map { Double($0) }
    }
}

/// Requests of one stratum.
package struct ReplayStratum: Codable, Hashable, Sendable {
    package var requests: Int?
    package var errors: Int?
    package var rejected: Int?
    package var latency: ReplayLatency?
}

extension ReplayStratum {
    package init(_ counts: SideCounts) {
        self.init(
            requests: counts.requests, errors: counts.errors, rejected: counts.rejected,
            latency: counts.bounds.isEmpty || counts.latency.count < counts.bounds.count ? nil : ReplayLatency(counts))
    }
}

extension ReplayLatency {
    init(_ counts: SideCounts) {
        self.init(
            bounds: counts.bounds, buckets: Array(counts.latency.prefix(counts.bounds.count)) + [counts.latencyTotal])
    }
}

extension ReplaySide: Codable {
    private struct Key: CodingKey {
        static let reserved: Set = [
            "requests", "errors", "rejected", "latency", "proxy", "synthetic", "pairs", "disagreements", "distance",
        ]

        var stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        var faults: [String: String] = [:]
        func read<Value: Decodable>(_ name: String) -> Value? {
            do {
                return try container.decodeIfPresent(Value.self, forKey: Key(name))
            } catch {
                faults[name] = ReplayError.valueErrorText(error, in: decoder)
                return nil
            }
        }
        requests = read("requests")
        errors = read("errors")
        rejected = read("rejected")
        latency = read("latency")
        proxy = read("proxy")
        synthetic = read("synthetic")
        pairs = read("pairs")
        disagreements = read("disagreements")
        distance = read("distance")
        if let sum = distance, !sum.isFinite { (distance, faults["distance"]) = (nil, "is not a number") }
        unreadable = faults
        for key in container.allKeys where !Key.reserved.contains(key.stringValue) {
            if let number = try? container.decode(Double.self, forKey: key) {
                named[key.stringValue] = number
            } else if let counts = try? container.decode([Int].self, forKey: key) {
                observed[key.stringValue] = .counts(counts)
            } else if let counts = try? container.decode([String: Int].self, forKey: key) {
                observed[key.stringValue] = .labelled(counts)
            }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (name, number) in named where !Key.reserved.contains(name) {
            try container.encode(number, forKey: Key(name))
        }
        for (name, buckets) in observed where !Key.reserved.contains(name) {
            switch buckets {
            case .counts(let counts): try container.encode(counts, forKey: Key(name))
            case .labelled(let counts): try container.encode(counts, forKey: Key(name))
            }
        }
        try container.encodeIfPresent(requests, forKey: Key("requests"))
        try container.encodeIfPresent(errors, forKey: Key("errors"))
        try container.encodeIfPresent(rejected, forKey: Key("rejected"))
        try container.encodeIfPresent(latency, forKey: Key("latency"))
        try container.encodeIfPresent(proxy, forKey: Key("proxy"))
        try container.encodeIfPresent(synthetic, forKey: Key("synthetic"))
        try container.encodeIfPresent(pairs, forKey: Key("pairs"))
        try container.encodeIfPresent(disagreements, forKey: Key("disagreements"))
        try container.encodeIfPresent(distance, forKey: Key("distance"))
    }
}

/// The auxiliary counters of a reading: synthetic requests, predictions, a shadow's pairs, and counters by name.
///
/// The rules are those of all counters: they only rise, and a counter that is missing in the earlier reading began at
/// 0.

/// Requests of one stratum. Its histogram has the bounds of the side that it belongs to.
package struct RequestStratum: Codable, Hashable, Sendable {
    package var requests: Int
    package var errors: Int
    package var rejected: Int
    package var latency: [Int]
    /// As `SideCounts.abandoned`. Nil if no client is known to have given up.
    package var abandoned: [Int]?

    package init(
        requests: Int = 0, errors: Int = 0, rejected: Int = 0, latency: [Int] = [], abandoned: [Int]? = nil
    ) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.latency = latency
        self.abandoned = abandoned
    }
}

extension SideCounts {
    /// The counts and latencies of all requests, even if only each user's first request is evidence. Used to choose
    /// bounds, which needs no evidence.
    var everyRequest: SideCounts {
        guard let every else { return self }
        return SideCounts(requests: every.requests, latency: every.latency, bounds: bounds)
    }
}

package struct PairCounts: Codable, Hashable, Sendable {
    package var pairs: Int
    package var disagreements: Int
    /// The sum of the distances, each 0…1.
    package var distance: Double
    /// Requests that could not be compared, and those of them that were too large. Nil if the source cannot tell.
    package var dropped: Int?
    package var tooLarge: Int?

    package init(
        pairs: Int = 0, disagreements: Int = 0, distance: Double = 0, dropped: Int? = nil, tooLarge: Int? = nil
    ) {
        self.dropped = dropped
        self.tooLarge = tooLarge
        self.pairs = pairs
        self.disagreements = disagreements
        self.distance = distance
    }
}

extension SideCounts {
    /// The synthetic stratum as separate counts. Nil if there is none.
    package var syntheticCounts: SideCounts? {
        synthetic.map {
            SideCounts(
                requests: $0.requests, errors: $0.errors, rejected: $0.rejected, latency: $0.latency,
                bounds: $0.latency.isEmpty ? [] : bounds)
        }
    }

    var impossibilityBeside: String? {
        if let problem = syntheticCounts?.impossibility { return "\(problem) among synthetic requests" }
        if observed.values.contains(where: { $0.contains { $0 < 0 } }) { return "a negative count of predictions" }
        if min(pairs.dropped ?? 0, pairs.tooLarge ?? 0) < 0 { return "a negative count of pairs that were left out" }
        if pairs.pairs < 0 || pairs.disagreements < 0 || !(pairs.distance >= 0) { return "a negative count of pairs" }
        if pairs.disagreements > pairs.pairs { return "more disagreements than pairs" }
        if pairs.distance > Double(pairs.pairs) * (1 + 1e-9) {
            return "a sum of distances larger than the number of pairs"
        }
        if named.values.contains(where: { !$0.isFinite || $0 < 0 }) {
            return "a counter that is negative or not a number"
        }
        return nil
    }

    mutating func setAuxiliaryCounters(_ later: SideCounts, since earlier: SideCounts) {
        if let now = later.synthetic {
            let before = earlier.synthetic ?? RequestStratum()
            synthetic = RequestStratum(
                requests: now.requests - before.requests, errors: now.errors - before.errors,
                rejected: now.rejected - before.rejected,
                latency: later.bounds == earlier.bounds || earlier.isBeforeAnyRequest
                    ? Self.difference(now.latency, before.latency) : [])
        }
        observed = later.observed.reduce(into: [:]) {
            $0[$1.key] = Self.difference($1.value, earlier.observed[$1.key] ?? [])
        }
        pairs = PairCounts(
            pairs: later.pairs.pairs - earlier.pairs.pairs,
            disagreements: later.pairs.disagreements - earlier.pairs.disagreements,
            distance: later.pairs.distance - earlier.pairs.distance,
            dropped: later.pairs.dropped.map { $0 - (earlier.pairs.dropped ?? 0) },
            tooLarge: later.pairs.tooLarge.map { $0 - (earlier.pairs.tooLarge ?? 0) })
        named = later.named.reduce(into: [:]) { $0[$1.key] = $1.value - (earlier.named[$1.key] ?? 0) }
    }

    /// If the number of buckets changed, the buckets are different ones, and nothing is known of the increase.
    private static func difference(_ later: [Int], _ earlier: [Int]) -> [Int] {
        if earlier.isEmpty { return later }
        return later.count == earlier.count ? zip(later, earlier).map { $0 - $1 } : []
    }

    func coversAuxiliaryCounters(_ other: SideCounts) -> Bool {
        func covers(_ now: [Int], _ before: [Int]) -> Bool {
            now.count != before.count || zip(now, before).allSatisfy { $0 >= $1 }
        }
        let own = synthetic ?? RequestStratum()
        let theirs = other.synthetic ?? RequestStratum()
        return own.requests >= theirs.requests && own.errors >= theirs.errors && own.rejected >= theirs.rejected
            && covers(own.latency, theirs.latency) && pairs.pairs >= other.pairs.pairs
            && pairs.disagreements >= other.pairs.disagreements && pairs.distance >= other.pairs.distance
            && other.observed.allSatisfy { covers(observed[$0.key] ?? [], $0.value) }
            && other.named.allSatisfy { (named[$0.key] ?? 0) >= $0.value }
    }

    private static func sum(_ left: Int?, _ right: Int?) -> Int? {
        left == nil && right == nil ? nil : (left ?? 0) + (right ?? 0)
    }

    mutating func addAuxiliaryCounters(_ left: SideCounts, _ right: SideCounts) {
        switch (left.synthetic, right.synthetic) {
        case (nil, let only), (let only, nil): synthetic = only
        case (let one?, let other?):
            synthetic = RequestStratum(
                requests: one.requests + other.requests, errors: one.errors + other.errors,
                rejected: one.rejected + other.rejected,
                latency: left.bounds == right.bounds ? zip(one.latency, other.latency).map { $0 + $1 } : [])
        }
        observed = left.observed.merging(right.observed) { one, other in
            one.count == other.count ? zip(one, other).map { $0 + $1 } : (one.isEmpty ? other : one)
        }
        pairs = PairCounts(
            pairs: left.pairs.pairs + right.pairs.pairs,
            disagreements: left.pairs.disagreements + right.pairs.disagreements,
            distance: left.pairs.distance + right.pairs.distance,
            dropped: Self.sum(left.pairs.dropped, right.pairs.dropped),
            tooLarge: Self.sum(left.pairs.tooLarge, right.pairs.tooLarge))
        named = left.named.merging(right.named) { $0 + $1 }
    }
}

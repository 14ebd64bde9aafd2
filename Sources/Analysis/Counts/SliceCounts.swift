/// The counts of one slice of the traffic, for example users' requests with one value of a header.
///
/// It has only the latency counts over the bounds that gates have chosen, because readings of every value and instance
/// are stored in a record that must stay small.
package struct SliceCounts: Hashable, Sendable {
    package var requests: Int
    package var errors: Int
    package var rejected: Int
    /// As `SideCounts.errorsTogether`.
    package var errorsTogether: Int
    /// Meant for the revision, and none of its instances could take them: not part of `requests`.
    package var unavailable: Int
    package var slow: [SlowCounts]

    /// The requests over one bound.
    package struct SlowCounts: Hashable, Sendable {
        /// In seconds.
        package var edge: Double
        /// All requests, including those whose client gave up after more than `edge`.
        package var requests: Int
        package var slow: Int
        /// As `SideCounts.slowTogether`.
        package var together: Int

        package init(edge: Double, requests: Int, slow: Int, together: Int) {
            self.edge = edge
            self.requests = requests
            self.slow = slow
            self.together = together
        }
    }

    package init(
        requests: Int = 0, errors: Int = 0, rejected: Int = 0, errorsTogether: Int = 0, unavailable: Int = 0,
        slow: [SlowCounts] = []
    ) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.errorsTogether = errorsTogether
        self.unavailable = unavailable
        self.slow = slow
    }

    func slow(over edge: Double) -> SlowCounts? { slow.first { SideCounts.same($0.edge, edge) } }

    /// Why these counters are invalid. Nil if they are valid.
    var impossibility: String? {
        let counts =
            [requests, errors, rejected, errorsTogether, unavailable]
            + slow.flatMap { [$0.requests, $0.slow, $0.together] }
        if counts.contains(where: { $0 < 0 }) { return "a negative count" }
        if errors > requests || rejected > requests || slow.contains(where: { $0.slow > $0.requests }) {
            return "more failures than requests"
        }
        return errorsTogether < errors ? "event sizes that are smaller than the number of errors" : nil
    }

    /// A bound that was chosen since `earlier` is left out, because the earlier counts may have chosen it.
    func since(_ earlier: SliceCounts) -> SliceCounts {
        SliceCounts(
            requests: requests - earlier.requests, errors: errors - earlier.errors,
            rejected: rejected - earlier.rejected, errorsTogether: errorsTogether - earlier.errorsTogether,
            unavailable: unavailable - earlier.unavailable,
            slow: slow.compactMap { now in
                guard let before = earlier.slow(over: now.edge) else { return nil }
                return SlowCounts(
                    edge: now.edge, requests: now.requests - before.requests, slow: now.slow - before.slow,
                    together: now.together - before.together)
            })
    }

    /// The sum of two instances. A bound may be known to only one of them, because it has its own number of requests.
    static func + (left: SliceCounts, right: SliceCounts) -> SliceCounts {
        var sum = SliceCounts(
            requests: left.requests + right.requests, errors: left.errors + right.errors,
            rejected: left.rejected + right.rejected, errorsTogether: left.errorsTogether + right.errorsTogether,
            unavailable: left.unavailable + right.unavailable, slow: left.slow)
        for other in right.slow {
            guard let index = sum.slow.firstIndex(where: { SideCounts.same($0.edge, other.edge) }) else {
                sum.slow.append(other)
                continue
            }
            sum.slow[index].requests += other.requests
            sum.slow[index].slow += other.slow
            sum.slow[index].together += other.together
        }
        return sum
    }
}

/// As a list of numbers. A last one by itself is `unavailable`.
extension SliceCounts: Codable {
    package init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        func count() throws -> Int { try list.decode(Int.self) }
        self.init(requests: try count(), errors: try count(), rejected: try count(), errorsTogether: try count())
        while !list.isAtEnd {
            let first = try list.decode(Double.self)
            guard !list.isAtEnd else {
                unavailable = Int(exactly: first) ?? 0
                return
            }
            slow.append(SlowCounts(edge: first, requests: try count(), slow: try count(), together: try count()))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        for count in [requests, errors, rejected, errorsTogether] { try list.encode(count) }
        for bound in slow {
            try list.encode(bound.edge)
            for count in [bound.requests, bound.slow, bound.together] { try list.encode(count) }
        }
        if unavailable > 0 { try list.encode(unavailable) }
    }
}

/// The slices of a side, by label. A value may appear at any time, and begins at 0.
extension SideCounts {
    /// What was meant for the side and not served by it is left out: nobody is to blame for it.
    package mutating func forgetUnavailable() {
        unavailable = 0
        slices = slices?.mapValues { counts in
            var counts = counts
            counts.unavailable = 0
            return counts
        }
    }

    var impossibilityOfSlices: String? {
        for (label, counts) in slices ?? [:] {
            if let problem = counts.impossibility { return "\(problem) in \(label)" }
        }
        return nil
    }

    /// A slice whose counters fell is left out: a proxy chooses its values again from time to time, without a restart
    /// of the instance.
    mutating func setSliceCounts(_ later: SideCounts, since earlier: SideCounts) {
        slices = later.slices == nil ? nil : [:]
        for (label, now) in later.slices ?? [:] {
            let added = earlier.slices?[label].map(now.since) ?? now
            if added.impossibility == nil { slices?[label] = added }
        }
    }

    mutating func addSliceCounts(_ left: SideCounts, _ right: SideCounts) {
        switch (left.slices, right.slices) {
        case (nil, let only), (let only, nil): slices = only
        case (let one?, let other?): slices = one.merging(other) { $0 + $1 }
        }
    }
}

/// Counts of requests that have ended in one slice of the traffic, at one instance. A slice is, for example, the users'
/// requests with one value of a header.
package struct SliceCounters: Hashable, Sendable {
    package var requests: Int
    package var errors: Int
    package var rejected: Int
    /// As `RequestCounters.errorsTogether`.
    package var errorsTogether: Int
    /// Meant for the revision, and none of its instances could take them: not part of `requests`.
    package var unavailable: Int
    /// By ascending latency. Empty buckets are left out.
    package var buckets: [Bucket]

    /// Requests that took longer than one latency bound and no longer than the next.
    package struct Bucket: Hashable, Sendable {
        /// The index of the upper bound in `RequestCounters.bounds`, or the number of bounds for requests over the last
        /// one.
        package var index: Int
        package var answered: Int
        /// Requests whose client gave up.
        package var abandoned: Int
        /// As `RequestCounters.slowTogether`, at the lower bound.
        package var together: Int

        package init(index: Int, answered: Int, abandoned: Int, together: Int) {
            self.index = index
            self.answered = answered
            self.abandoned = abandoned
            self.together = together
        }
    }

    package init(
        requests: Int = 0, errors: Int = 0, rejected: Int = 0, errorsTogether: Int = 0, unavailable: Int = 0,
        buckets: [Bucket] = []
    ) {
        self.requests = requests
        self.errors = errors
        self.rejected = rejected
        self.errorsTogether = errorsTogether
        self.unavailable = unavailable
        self.buckets = buckets
    }
}

/// As a list of numbers: there are many of them in a report. A last one by itself is `unavailable`.
extension SliceCounters: Codable {
    package init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        func next() throws -> Int { try list.decode(Int.self) }
        self.init(requests: try next(), errors: try next(), rejected: try next(), errorsTogether: try next())
        while !list.isAtEnd {
            let first = try next()
            guard !list.isAtEnd else {
                unavailable = first
                return
            }
            buckets.append(Bucket(index: first, answered: try next(), abandoned: try next(), together: try next()))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        for count in [requests, errors, rejected, errorsTogether] { try list.encode(count) }
        for bucket in buckets {
            for count in [bucket.index, bucket.answered, bucket.abandoned, bucket.together] { try list.encode(count) }
        }
        if unavailable > 0 { try list.encode(unavailable) }
    }
}

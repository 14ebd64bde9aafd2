/// Traffic in slices. The failures of each slice come from a `FailureStream`, on both sides.
package struct SlicedStream: Sendable {
    package struct Side: Sendable {
        package var requests = 0
        package var failures = 0
        package var together = 0
    }

    package struct Look: Sendable {
        package var stable: [Side]
        package var candidate: [Side]
    }

    /// Shares of the traffic, by slice.
    package let shares: [Double]
    /// The candidate's share.
    package let weight: Double
    package var stable: [FailureStream]
    package var candidate: [FailureStream]
    private var draws: SeededDraws

    package init(shares: [Double], weight: Double, both: FailureStream, seed: UInt64) {
        self.shares = shares
        self.weight = weight
        stable = shares.map { _ in both }
        candidate = stable
        draws = SeededDraws(seed: seed)
    }

    /// One slice of `share`, and others whose shares decrease by Zipf's law.
    package static func shares(one share: Double, of count: Int) -> [Double] {
        let others = (1..<max(2, count)).map { 1 / Double($0) }
        let sum = others.reduce(0, +)
        return [share] + (count > 1 ? others.map { $0 / sum * (1 - share) } : [])
    }

    package mutating func look(_ requests: Int) -> Look {
        var look = Look(stable: [], candidate: [])
        for index in shares.indices {
            let drawn = draws.binomial(requests, shares[index])
            let own = draws.binomial(drawn, weight)
            look.stable.append(Self.side(stable[index].next(drawn - own, &draws)))
            look.candidate.append(Self.side(candidate[index].next(own, &draws)))
        }
        return look
    }

    private static func side(_ counts: FailureStream.Counts) -> Side {
        Side(requests: counts.requests, failures: counts.failures, together: counts.together)
    }
}

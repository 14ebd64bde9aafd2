/// Shares of traffic if not every revision can answer.
package enum WeightBalance {
    /// One revision's share, and whether it has an instance that can answer now.
    package struct Share: Hashable, Sendable {
        package var weight: Int
        package var answers: Bool

        package init(weight: Int, answers: Bool) {
            self.weight = weight
            self.answers = answers
        }
    }

    /// Distributes the share of revisions that cannot answer to those that can, in proportion. If none can answer, the
    /// weights of the plan stay. The sum does not change.
    /// - Returns: weights in the order of `shares`.
    package static func weights(_ shares: [Share]) -> [Int] {
        let total = shares.reduce(0) { $0 + $1.weight }
        let answering = shares.filter(\.answers).reduce(0) { $0 + $1.weight }
        guard answering > 0, answering < total else { return shares.map(\.weight) }
        var result = shares.map { $0.answers ? $0.weight * total / answering : 0 }
        // The remainder after rounding goes to the largest fractions; among equal ones, the earlier comes first.
        let order = shares.indices.filter { shares[$0].answers && shares[$0].weight > 0 }
            .sorted { (shares[$0].weight * total % answering, -$0) > (shares[$1].weight * total % answering, -$1) }
        for index in order.prefix(total - result.reduce(0, +)) { result[index] += 1 }
        return result
    }

    /// The shares that mlctl's own proxy serves. Like `weights`, with one exception: if no revision with a weight can
    /// answer, the first revision that can takes all traffic, provided that it stands before them. That is stable,
    /// while all traffic is meant for the candidate. A candidate without a weight never gets any.
    package static func served(_ shares: [Share]) -> [Int] {
        guard !shares.contains(where: { $0.answers && $0.weight > 0 }),
            let meant = shares.lastIndex(where: { $0.weight > 0 }),
            let substitute = shares[..<meant].firstIndex(where: \.answers)
        else { return weights(shares) }
        let total = shares.reduce(0) { $0 + $1.weight }
        return shares.indices.map { $0 == substitute ? total : 0 }
    }

    /// The same for a route: revisions without upstreams cannot answer.
    package static func served(_ routes: [RevisionRoute]) -> [Int] {
        served(routes.map { Share(weight: $0.weight, answers: !$0.upstreams.isEmpty) })
    }
}

/// Who sent the requests: users, or mlctl itself. The two are never added, because the requests differ.
enum RequestOrigin: Hashable, Sendable { case users, synthetic }

extension Interval {
    /// The interval's synthetic requests, if either side has any.
    var synthetic: Interval? {
        guard stable.synthetic != nil || candidate.synthetic != nil else { return nil }
        return Interval(
            at: at, source: source, stable: stable.syntheticCounts ?? SideCounts(),
            candidate: candidate.syntheticCounts ?? SideCounts())
    }

    /// Each stratum separately.
    var strata: [(origin: RequestOrigin, interval: Interval)] {
        [(.users, self)] + (synthetic.map { [(.synthetic, $0)] } ?? [])
    }

    /// Why these counters are invalid. Nil if they are valid.
    var impossibility: String? {
        for (side, counts) in [("stable", stable), ("candidate", candidate)] {
            if let impossibility = counts.impossibility { return "\(side) reports \(impossibility)" }
        }
        return nil
    }
}

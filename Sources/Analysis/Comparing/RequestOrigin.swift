/// Whose requests: those of users, or those that mlctl itself sent. Never added up: they ask for different things.
enum RequestOrigin: Hashable, Sendable { case users, synthetic }

extension Interval {
    /// The interval's synthetic requests, where there are any on either side.
    var synthetic: Interval? {
        guard stable.synthetic != nil || candidate.synthetic != nil else { return nil }
        return Interval(
            at: at, source: source, stable: stable.syntheticCounts ?? SideCounts(),
            candidate: candidate.syntheticCounts ?? SideCounts())
    }

    /// Each stratum by itself.
    var strata: [(origin: RequestOrigin, interval: Interval)] {
        [(.users, self)] + (synthetic.map { [(.synthetic, $0)] } ?? [])
    }

    /// Why no counters can read so; nil where they can.
    var impossibility: String? {
        for (side, counts) in [("stable", stable), ("candidate", candidate)] {
            if let impossibility = counts.impossibility { return "\(side) reports \(impossibility)" }
        }
        return nil
    }
}

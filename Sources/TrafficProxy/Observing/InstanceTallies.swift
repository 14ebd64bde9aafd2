import ModelManifests
import Serving

/// Counters of one instance apart from its requests. The body reader shares the tallies.
struct InstanceTallies {
    private(set) var observed: [ObservedTally] = []
    private(set) var pairs: PairTally?

    /// Follows new routes: unchanged observations continue, changed ones start from zero.
    mutating func follow(_ observations: [PredictionObservation], isMirrored: Bool) {
        observed = observations.map { tally(of: $0) ?? ObservedTally($0) }
        if isMirrored, pairs == nil { pairs = PairTally() }
    }

    func tally(of observation: PredictionObservation) -> ObservedTally? {
        observed.first { $0.observation == observation }
    }

    func enter(_ counters: inout RequestCounters) {
        for tally in observed { counters.observed[tally.observation.name] = tally.counts.buckets }
        counters.pairs = pairs?.counters
    }
}

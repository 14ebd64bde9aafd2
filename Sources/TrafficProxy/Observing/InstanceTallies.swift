import ModelManifests
import Serving

/// What is counted of one instance beside its requests. The tallies themselves are shared with the body reader.
struct InstanceTallies {
    private(set) var observed: [ObservedTally] = []
    private(set) var pairs: PairTally?

    /// Follows new routes: what is still observed in the same way goes on, what changed begins anew.
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

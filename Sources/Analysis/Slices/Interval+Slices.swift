import ModelManifests

extension Interval {
    /// The trials of each slice of the traffic, by label, for gates that count requests.
    func sliceBlocks(_ metric: CompareGate.Metric, slowerThan edge: Double?) -> [String: RateBlock] {
        let (stable, candidate) = (stable.slices ?? [:], candidate.slices ?? [:])
        var blocks: [String: RateBlock] = [:]
        for label in Set(stable.keys).union(candidate.keys) {
            guard let own = (stable[label] ?? SliceCounts()).trials(metric, slowerThan: edge),
                let others = (candidate[label] ?? SliceCounts()).trials(metric, slowerThan: edge)
            else { continue }
            blocks[label] = RateBlock(stable: own, candidate: others)
        }
        return blocks
    }
}

extension SliceCounts {
    /// Nil if it is not known, because nothing was counted over that bound yet.
    fileprivate func trials(_ metric: CompareGate.Metric, slowerThan edge: Double?) -> Trials? {
        func trials(_ count: Int, _ hits: Int, together: Int?) -> Trials {
            Trials(
                count: Double(count), successes: Double(hits), together: together.map { Double(max($0, hits)) })
        }
        switch metric {
        case .errors:
            // What is missed in one look is missed together: the revision had no instance.
            let missed = min(unavailable, 1 << 30)
            return trials(
                requests.addingOrFull(unavailable), errors.addingOrFull(unavailable),
                together: errorsTogether.addingOrFull(missed * missed))
        case .rejected: return trials(requests, rejected, together: nil)
        case .slow:
            guard let edge else { return nil }
            guard let found = slow(over: edge) else { return requests == 0 ? trials(0, 0, together: 0) : nil }
            return trials(found.requests, found.slow, together: found.together)
        case .latencyP50, .latencyP95, .latencyP99: return nil
        }
    }
}

import Analysis
import ModelManifests
import Serving

/// Turns the cumulative counters of instances into what each side counted since the last look.
///
/// The first readings of a rollout set the baselines. An instance or an epoch that is first seen later began to count
/// during the rollout, so its counters are taken from zero.
package struct EvidenceLedger: Codable, Equatable, Sendable {
    var isOpen = false
    var baselines = ReadingLedger()
    var badInstances = BadInstanceFilter()
    /// Values of slices that only some of the proxies tell apart; nil where all tell the same ones.
    var partlyKnownValues: [String]?

    /// As many are told.
    static let partlyKnownLimit = 5

    init() {}

    /// A record of an older controller has no bad instances.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        isOpen = try fields.decode(Bool.self, forKey: .isOpen)
        baselines = try fields.decode(ReadingLedger.self, forKey: .baselines)
        badInstances = try fields.decodeIfPresent(BadInstanceFilter.self, forKey: .badInstances) ?? BadInstanceFilter()
        partlyKnownValues = try fields.decodeIfPresent([String].self, forKey: .partlyKnownValues)
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(isOpen, forKey: .isOpen)
        try fields.encode(baselines, forKey: .baselines)
        if !badInstances.isEmpty { try fields.encode(badInstances, forKey: .badInstances) }
        try fields.encodeIfPresent(partlyKnownValues, forKey: .partlyKnownValues)
    }

    private enum CodingKeys: String, CodingKey {
        case isOpen, baselines, badInstances, partlyKnownValues
    }

    /// The result of one look at the counters.
    enum Look {
        /// The first readings. Evidence starts here; what stable counted before is history, not evidence.
        case opening(stableHistory: SideCounts)
        case interval(stable: SideCounts, candidate: SideCounts)
    }

    /// - Parameters:
    ///   - slowEdges: latency bounds that gates have chosen. Slices are counted over these bounds from now on.
    ///   - measuresCosts: whether a gate compares costs. If not, cost readings are ignored, because they change all the
    ///     time.
    mutating func look(
        at readings: [Reading], stable: Revision?, candidate: Revision, slowEdges: [Double] = [],
        measuresCosts: Bool = false
    ) -> Look {
        let judged = readings.filter { $0.split == nil && ($0.revision == stable || $0.revision == candidate) }
        let costs = measuresCosts ? costs(judged) : [:]
        partlyKnownValues = Self.partlyKnownValues(judged)
        let additions = judged.filter { $0.cost == nil }.map { reading in
            BadInstanceFilter.Addition(
                instance: reading.instance, revision: reading.revision,
                counts: baselines.increment(
                    instance: reading.instance, epoch: reading.epoch,
                    cumulative: SideCounts(reading.counters, slowEdges: slowEdges),
                    fromZero: isOpen), isOutlier: reading.isOutlier)
        }
        let sides = badInstances.settledCounts(additions)
        guard isOpen else {
            isOpen = true
            return .opening(
                stableHistory: readings.filter { $0.revision == stable }
                    .reduce(into: SideCounts()) { $0.add(SideCounts($1.counters)) })
        }
        func side(_ revision: Revision) -> SideCounts {
            let counted = sides[revision] ?? SideCounts()
            return costs[revision].map { counted + $0 } ?? counted
        }
        return .interval(stable: stable.map(side) ?? SideCounts(), candidate: side(candidate))
    }

    /// Each proxy chooses the most frequent values (`top`) by the requests that it saw itself. What one of them counts by its
    /// name another counts as `other`, on both sides alike: no comparison is wrong for it, but the value is judged on a part
    /// of its requests alone.
    private static func partlyKnownValues(_ readings: [Reading]) -> [String]? {
        var byProxy: [Substring: Set<String>] = [:]
        for reading in readings {
            guard let labels = reading.counters.slices?.keys, reading.counters.unavailable == 0 else { continue }
            byProxy[Reading.proxy(of: reading.instance), default: []].formUnion(labels)
        }
        guard byProxy.count > 1 else { return nil }
        // A proxy that has not chosen yet has no value of the slice at all.
        let named = byProxy.values.map {
            Dictionary(grouping: $0) { TrafficSlice.name(ofLabel: $0) }.mapValues(Set.init)
        }
        var partly: Set<String> = []
        for name in Set(named.flatMap(\.keys)) {
            let known = named.compactMap { $0[name] }
            guard let first = known.first else { continue }
            let all = known.reduce(first) { $0.intersection($1) }
            partly.formUnion(known.reduce(first) { $0.union($1) }.subtracting(all))
        }
        return partly.isEmpty ? nil : Array(partly.sorted().prefix(partlyKnownLimit))
    }

    /// The costs of each revision. Costs do not wait for the decision about bad instances.
    private mutating func costs(_ readings: [Reading]) -> [Revision: SideCounts] {
        var sides: [Revision: SideCounts] = [:]
        for reading in readings where reading.cost != nil {
            let added = baselines.increment(
                instance: reading.instance, epoch: reading.epoch, cumulative: SideCounts(reading.counters),
                fromZero: isOpen)
            sides[reading.revision, default: SideCounts()].add(added)
        }
        return sides
    }
}

extension Rollout {
    /// Requests that are in no gate's evidence, because one bad instance answered them: by revision.
    package var leftOutRequests: [Revision: Int] {
        ledgers.values.reduce(into: [:]) { $0.merge($1.badInstances.leftOut, uniquingKeysWith: +) }
    }
}

extension SideCounts {
    /// - Parameter slowEdges: the bounds over which slices of the traffic are counted. Nil: slices are left out.
    init(_ counters: RequestCounters, slowEdges: [Double]? = nil) {
        self.init(
            requests: counters.requests, errors: counters.errors, rejected: counters.rejected,
            unavailable: counters.unavailable,
            latency: counters.latency, bounds: counters.bounds, abandoned: counters.abandoned,
            errorsTogether: counters.errorsTogether, slowTogether: counters.slowTogether,
            every: counters.every.map {
                RequestStratum(
                    requests: $0.requests, errors: $0.errors, rejected: $0.rejected, latency: $0.latency,
                    abandoned: $0.abandoned.isEmpty ? nil : $0.abandoned)
            },
            users: counters.users,
            synthetic: counters.synthetic.map {
                RequestStratum(requests: $0.requests, errors: $0.errors, rejected: $0.rejected, latency: $0.latency)
            },
            observed: counters.observed,
            pairs: counters.pairs.map {
                PairCounts(
                    pairs: $0.pairs, disagreements: $0.disagreements, distance: $0.distance, dropped: $0.dropped,
                    tooLarge: $0.tooLarge)
            } ?? PairCounts(), named: counters.named,
            slices: slowEdges.flatMap { edges in
                counters.slices?.mapValues { SliceCounts($0, bounds: counters.bounds, slowEdges: edges) }
            })
    }
}

extension SliceCounts {
    /// Keeps only the latency counts that gates use. Keeping all of them would multiply by values and instances.
    init(_ counters: SliceCounters, bounds: [Double], slowEdges: [Double]) {
        self.init(
            requests: counters.requests, errors: counters.errors, rejected: counters.rejected,
            errorsTogether: counters.errorsTogether, unavailable: counters.unavailable,
            slow: slowEdges.compactMap { edge in
                guard let bound = bounds.firstIndex(where: { SideCounts.isSameBound($0, edge) }) else { return nil }
                let over = counters.buckets.filter { $0.index > bound }
                let abandoned = over.reduce(0) { $0 + $1.abandoned }
                // No request ends between two buckets, so what is over the bound before the first bucket is also over
                // this bound.
                return SlowCounts(
                    edge: edge, requests: counters.requests + abandoned,
                    slow: over.reduce(abandoned) { $0 + $1.answered },
                    together: over.min { $0.index < $1.index }?.together ?? 0)
            })
    }
}

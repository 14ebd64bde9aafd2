import ModelManifests

/// What of a recording a gate is judged on.
enum ReplayNeed: Hashable, Sendable {
    case requests
    case errors
    case rejected
    case latency
    case counters(CounterRatio)
    case observed(String)
    case disagreements
    case distance
    /// It asks its questions itself: a recording has no answers.
    case answers

    init(_ kind: GateSpec.Kind) {
        self =
            switch kind {
            case .compare(let gate): Self.compared(gate.quantity)
            case .threshold(let gate): Self.measured(gate.measure)
            case .distribution(let gate): .observed(gate.observe)
            case .drift(let gate): .observed(gate.observe)
            case .agreement(let gate):
                switch gate.metric {
                case .agreement: .disagreements
                case .distance: .distance
                }
            case .goal(let gate): .counters(gate.quantity)
            case .check, .contract: .answers
            }
    }

    private static func compared(_ quantity: CompareGate.Quantity) -> ReplayNeed {
        switch quantity {
        case .requests(.errors, _): .errors
        case .requests(.rejected, _): .rejected
        case .requests(.slow, _), .requests(.latencyP50, _), .requests(.latencyP95, _), .requests(.latencyP99, _):
            .latency
        case .counters(let ratio): .counters(ratio)
        }
    }

    private static func measured(_ measure: ThresholdGate.Measure) -> ReplayNeed {
        switch measure {
        case .metric(.errors): .errors
        case .metric(.rejected): .rejected
        case .metric(.latencyP50), .metric(.latencyP95), .metric(.latencyP99): .latency
        case .metric(.requestRate): .requests
        case .query: .answers
        }
    }

    /// The counters that the gate needs and no others, so that what is wrong with those is nothing to it.
    ///
    /// - Parameter buckets: of an observation whose buckets are named.
    /// - Throws: the name of what the side lacks.
    func counts(of side: ReplaySide, buckets: PredictionBuckets?) throws(ReplayLack) -> SideCounts {
        switch self {
        case .counters(let ratio): return Self.counters(ratio, of: side)
        case .observed(let name):
            let counts = try (side.observed[name]?.inOrder(buckets)).orLack(name)
            return SideCounts(requests: counts.reduce(0) { $0.addingOrFull($1) }, observed: [name: counts])
        case .disagreements, .distance:
            let pairs = try side.pairs.orLack("pairs")
            let disagreements = self == .disagreements ? try side.disagreements.orLack("disagreements") : 0
            let distance = self == .distance ? try side.distance.orLack("distance") : 0
            return SideCounts(
                requests: pairs,
                pairs: PairCounts(pairs: pairs, disagreements: disagreements, distance: distance))
        case .requests, .errors, .rejected, .latency:
            var counts = try requests(side.requests, side.errors, side.rejected, side.latency)
            if let synthetic = side.synthetic {
                let own = try requests(synthetic.requests, synthetic.errors, synthetic.rejected, synthetic.latency)
                guard own.bounds == counts.bounds else { throw ReplayLack("latency of synthetic requests") }
                counts.synthetic = RequestStratum(
                    requests: own.requests, errors: own.errors, rejected: own.rejected, latency: own.latency)
            }
            return counts
        case .answers: return SideCounts()
        }
    }

    private func requests(
        _ requests: Int?, _ errors: Int?, _ rejected: Int?, _ latency: ReplayLatency?
    ) throws(ReplayLack) -> SideCounts {
        var counts = SideCounts(requests: try (requests ?? latency?.buckets.last).orLack("requests"))
        switch self {
        case .errors: counts.errors = try errors.orLack("errors")
        case .rejected: counts.rejected = try rejected.orLack("rejected")
        case .latency:
            let latency = try latency.orLack("latency")
            (counts.latency, counts.bounds) = (latency.buckets, latency.bounds)
        default: break
        }
        return counts
    }

    /// One that is not there is left out: the gate knows what that means.
    private static func counters(_ ratio: CounterRatio, of side: ReplaySide) -> SideCounts {
        var counts = SideCounts()
        for name in [ratio.of, ratio.per] {
            if let value = side.counter(name) { counts.named[name] = value }
        }
        // How many units there are tells a restart from a late line.
        counts.requests = Int(exactly: max(0, counts.named[ratio.per] ?? 0).rounded()) ?? 0
        return counts
    }
}

/// What a side of a recording has not.
struct ReplayLack: Error {
    var name: String
    init(_ name: String) { self.name = name }
}

extension Optional {
    fileprivate func orLack(_ name: String) throws(ReplayLack) -> Wrapped {
        guard let self else { throw ReplayLack(name) }
        return self
    }
}

extension ReplayBuckets {
    /// The labels of a line as buckets: edges in their order, then classes in theirs, and one more for the rest.
    static func buckets(of labels: some Sequence<String>) -> PredictionBuckets {
        let ordered = Set(labels).sorted { left, right in
            switch (Double(left), Double(right)) {
            case (let left?, let right?): left < right
            case (.some, nil): true
            case (nil, .some): false
            case (nil, nil): left < right
            }
        }
        return .classes(Array(ordered.prefix(PredictionBuckets.countLimit - 1)))
    }

    /// - Parameter buckets: where they are named. What it does not name is the rest.
    fileprivate func inOrder(_ buckets: PredictionBuckets?) -> [Int] {
        switch self {
        case .counts(let counts): return counts
        case .labelled(let labelled):
            guard let buckets else { return [] }
            var counts = Array(repeating: 0, count: buckets.count)
            for (label, count) in labelled {
                let index = buckets.index(of: label)
                counts[index] = counts[index].addingOrFull(count)
            }
            return counts
        }
    }
}

extension PredictionBuckets {
    /// Of a bucket's own name, not of a value.
    fileprivate func index(of label: String) -> Int {
        switch self {
        case .classes(let classes): classes.firstIndex(of: label) ?? classes.count
        case .edges(let edges):
            Double(label).flatMap { edge in
                edge.isFinite ? edges.firstIndex { SideCounts.same($0, edge) } : nil
            } ?? edges.count
        }
    }
}

extension Int {
    /// A recording may hold any number.
    fileprivate func addingOrFull(_ other: Int) -> Int {
        let (sum, isOverflown) = addingReportingOverflow(other)
        return isOverflown ? .max : sum
    }
}

import ModelManifests

/// The part of a recording that a gate needs.
enum ReplayRequirement: Hashable, Sendable {
    case requests
    case errors
    case rejected
    case latency
    case counters(CounterRatio)
    case costs(CostGate.Metric)
    case observed(String)
    case disagreements
    case distance
    /// The gate asks questions, and a recording has no answers.
    case answers

    init(_ kind: GateSpec.Kind) {
        self =
            switch kind {
            case .compare(let gate): Self.compared(gate.quantity)
            case .cost(let gate): .costs(gate.metric)
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

    private static func compared(_ quantity: CompareGate.Quantity) -> ReplayRequirement {
        switch quantity {
        case .requests(.errors, _): .errors
        case .requests(.rejected, _): .rejected
        case .requests(.slow, _), .requests(.latencyP50, _), .requests(.latencyP95, _), .requests(.latencyP99, _):
            .latency
        case .counters(let ratio): .counters(ratio)
        }
    }

    private static func measured(_ measure: ThresholdGate.Measure) -> ReplayRequirement {
        switch measure {
        case .metric(.errors): .errors
        case .metric(.rejected): .rejected
        case .metric(.latencyP50), .metric(.latencyP95), .metric(.latencyP99): .latency
        case .metric(.requestRate): .requests
        case .query: .answers
        }
    }

    /// The counters that the gate needs, and no others, so that problems with other counters do not affect it.
    ///
    /// - Parameter buckets: of an observation with named buckets.
    /// - Throws: the name of what the side lacks.
    func counts(of side: ReplaySide, buckets: PredictionBuckets?) throws(MissingReplayValue) -> SideCounts {
        switch self {
        case .counters(let ratio): return Self.counters(ratio, of: side)
        case .costs(let metric): return try Self.costs(metric, of: side)
        case .observed(let name):
            let found = try side.observed[name].orMissing(name)
            guard let counts = found.inOrder(buckets) else {
                throw MissingReplayValue(name, "has other bucket edges than the manifest")
            }
            return SideCounts(requests: counts.reduce(0) { $0.addingOrFull($1) }, observed: [name: counts])
        case .disagreements, .distance:
            let pairs = try side.pairs.orMissing("pairs")
            let disagreements = self == .disagreements ? try side.disagreements.orMissing("disagreements") : 0
            let distance = self == .distance ? try side.distance.orMissing("distance") : 0
            return SideCounts(
                requests: pairs,
                pairs: PairCounts(pairs: pairs, disagreements: disagreements, distance: distance))
        case .requests, .errors, .rejected, .latency:
            var counts = try requests(of: side.users)
            if side.unreadable["proxy"] != nil { throw MissingReplayValue("proxy") }
            if let proxy = side.proxy { try take(proxy, into: &counts) }
            if side.unreadable["synthetic"] != nil { throw MissingReplayValue("synthetic") }
            if let synthetic = side.synthetic {
                let own = try requests(of: synthetic, within: "synthetic.")
                guard own.bounds == counts.bounds else {
                    throw MissingReplayValue("synthetic.latency at the users' bounds")
                }
                counts.synthetic = RequestStratum(
                    requests: own.requests, errors: own.errors, rejected: own.rejected, latency: own.latency)
            }
            return counts
        case .answers: return SideCounts()
        }
    }

    private func requests(
        of stratum: ReplayStratum, within place: String = ""
    ) throws(MissingReplayValue) -> SideCounts {
        let total = try (stratum.requests ?? stratum.latency?.buckets.last).orMissing(place + "requests")
        var counts = SideCounts(requests: total)
        switch self {
        case .errors: counts.errors = try stratum.errors.orMissing(place + "errors")
        case .rejected: counts.rejected = try stratum.rejected.orMissing(place + "rejected")
        case .latency:
            let latency = try stratum.latency.orMissing(place + "latency")
            (counts.latency, counts.bounds) = (latency.buckets, latency.bounds)
        default: break
        }
        return counts
    }

    private func take(_ proxy: ReplayProxy, into counts: inout SideCounts) throws(MissingReplayValue) {
        let bounds = counts.bounds
        switch self {
        case .errors: (counts.unavailable, counts.errorsTogether) = (proxy.unavailable ?? 0, proxy.together?.errors)
        case .latency:
            counts.abandoned = try Self.counts(proxy.abandoned, at: bounds, "abandoned") ?? []
            counts.slowTogether = try Self.counts(proxy.together?.slow, at: bounds, "together.slow")
        default: break
        }
        counts.slices = proxy.slices
        if let every = proxy.every {
            let all = try requests(of: every, within: "proxy.every.")
            guard all.bounds == bounds else { throw MissingReplayValue("proxy.every.latency at the bounds of latency") }
            counts.every = RequestStratum(
                requests: all.requests, errors: all.errors, rejected: all.rejected, latency: all.latency,
                abandoned: try Self.counts(proxy.everyAbandoned, at: bounds, "everyAbandoned"))
        }
        if let users = proxy.users {
            counts.users = users.counts(slowed: try Self.counts(users.slowed, at: bounds, "users.slowed") ?? [])
        }
    }

    /// - Parameter bounds: the bounds of the latency. Empty if the gate does not use latency.
    /// - Returns: nil if there are no counts.
    private static func counts(
        _ over: ReplayBoundCounts?, at bounds: [Double], _ name: String
    ) throws(MissingReplayValue) -> [Int]? {
        guard let over, !bounds.isEmpty else { return nil }
        guard over.bounds == bounds else { throw MissingReplayValue("proxy.\(name) at the bounds of latency") }
        return over.counts
    }

    private static func costs(_ metric: CostGate.Metric, of side: ReplaySide) throws(MissingReplayValue) -> SideCounts {
        let wanted = metric == .cpuPerRequest ? CostCounter.cpuSeconds : CostCounter.memoryByteSeconds
        let remedy =
            "a gate of costs is judged on \(wanted) and \(CostCounter.instanceSeconds) (for how long instances were measured, "
            + "summed over them) of both sides; 'mlctl events NAME --export' has them of a rollout that had such a gate"
        func counter(_ value: Double?, _ name: String) throws(MissingReplayValue) -> Double {
            guard let value else { throw MissingReplayValue(name, remedy: remedy) }
            return value
        }
        let seconds = try counter(side.named[CostCounter.instanceSeconds], CostCounter.instanceSeconds)
        let cost = try counter(side.named[wanted], wanted)
        let requests = side.named[CostCounter.requests] ?? side.requests.map(Double.init)
        let counted = try counter(requests, "requests")
        return SideCounts(named: [CostCounter.instanceSeconds: seconds, wanted: cost, CostCounter.requests: counted])
    }

    /// A missing counter is left out; the gate handles that.
    private static func counters(_ ratio: CounterRatio, of side: ReplaySide) -> SideCounts {
        var counts = SideCounts()
        for name in [ratio.of, ratio.per] {
            if let value = side.counter(name) { counts.named[name] = value }
        }
        // The number of units helps to tell a restart from a late line.
        counts.requests = Int(exactly: max(0, counts.named[ratio.per] ?? 0).rounded()) ?? 0
        return counts
    }
}

/// What is missing on one side of a recording.
struct MissingReplayValue: Error {
    var name: String
    /// What is wrong with a value that is not missing.
    var fault: String?
    /// What the gate needs, and where that comes from; nil where the name says it.
    var remedy: String?

    init(_ name: String, _ fault: String? = nil, remedy: String? = nil) {
        self.name = name
        self.fault = fault
        self.remedy = remedy
    }

    /// - Parameters:
    ///   - side: the name of the side.
    ///   - unreadable: the side's values that are not counts, with the reasons.
    func text(of side: String, unreadable: [String: String]) -> String {
        let stem = String(name.prefix { $0 != "." })
        if let fault = fault ?? unreadable[stem] { return "the \(side) side's \"\(stem)\" \(fault)" }
        return "the \(side) side has no \"\(name)\"" + (remedy.map { ": \($0)" } ?? "")
    }
}

extension Optional {
    fileprivate func orMissing(_ name: String) throws(MissingReplayValue) -> Wrapped {
        guard let self else { throw MissingReplayValue(name) }
        return self
    }
}

/// A check of the candidate with a verdict: pass, fail or insufficient.
package struct GateSpec: Hashable, Codable, Sendable {
    package enum Kind: Hashable, Codable, Sendable {
        case compare(CompareGate)
        case cost(CostGate)
        case threshold(ThresholdGate)
        case distribution(DistributionGate)
        case drift(DriftGate)
        case agreement(AgreementGate)
        case check(CheckGate)
        case contract(ContractGate)
        case goal(GoalGate)
    }

    package var name: String
    package var kind: Kind
    /// Evaluated and reported, but nothing acts on the verdict: it causes no rollback, and no step waits for it.
    package var warnOnly: Bool

    package init(name: String, kind: Kind, warnOnly: Bool = false) {
        self.name = name
        self.kind = kind
        self.warnOnly = warnOnly
    }

    private enum CodingKeys: CodingKey {
        case name, kind, warnOnly
    }

    /// Records that an older controller wrote have no `warnOnly`: their gates all act.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .name)
        kind = try fields.decode(Kind.self, forKey: .kind)
        warnOnly = try fields.decodeIfPresent(Bool.self, forKey: .warnOnly) ?? false
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(name, forKey: .name)
        try fields.encode(kind, forKey: .kind)
        if warnOnly { try fields.encode(warnOnly, forKey: .warnOnly) }
    }

    /// Uses part of the rollout's `falseRollbackRate`.
    package var isComparing: Bool {
        switch kind {
        case .compare, .distribution, .agreement: true
        case .threshold, .cost, .drift, .check, .contract, .goal: false
        }
    }

    /// Compares the candidate with a stable revision that has traffic at the same time.
    var needsBothSides: Bool {
        if case .cost = kind { return true }
        return isComparing && counters != MetricSourceName.outcomes
    }

    /// Compares what the processes of instances cost.
    package var isOfCost: Bool { if case .cost = kind { true } else { false } }

    /// Compares the results of requests; recorded requests are enough.
    var comparesRequests: Bool {
        if case .compare(let gate) = kind { gate.metric != nil } else { false }
    }

    /// Counts the proxy's requests one by one: errors, rejected or slow. Quantiles and other counters exist for all traffic only.
    package var isJudgedOnSlices: Bool {
        guard case .compare(let gate) = kind, case .requests(let metric, MetricSourceName.proxy) = gate.quantity else {
            return false
        }
        return switch metric {
        case .errors, .rejected, .slow: true
        case .latencyP50, .latencyP95, .latencyP99: false
        }
    }

    /// Evaluates live traffic: it can say nothing before the candidate gets some.
    package var needsTraffic: Bool {
        switch kind {
        case .compare, .cost, .threshold, .distribution, .drift, .agreement, .goal: true
        case .check, .contract: false
        }
    }

    /// The source of the cumulative counters that the gate evaluates; nil where the gate asks for each measurement.
    package var counters: String? {
        switch kind {
        case .compare(let gate): gate.source
        case .goal(let gate): gate.quantity.source
        case .cost, .distribution, .drift, .agreement: MetricSourceName.proxy
        case .threshold(let gate):
            if case .metric = gate.measure { MetricSourceName.proxy } else { nil }
        case .check, .contract: nil
        }
    }
}

/// Sources that always exist. Others have the names that the controller's settings give them.
package enum MetricSourceName {
    /// The traffic proxy's own counters, of every request that it forwards.
    package static let proxy = "proxy"
    /// Each instance's own metrics page, described by its runtime's `metrics`.
    package static let server = "server"
    /// Outcomes that are reported later for answers: `POST /api/v1/outcomes`.
    package static let outcomes = "outcomes"

    package static let builtIn = [proxy, server, outcomes]
}

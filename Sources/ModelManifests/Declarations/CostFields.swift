/// A `compare` gate as written. Its metric may be a cost, which is judged differently.
struct WrittenComparison: Sendable {
    var gate = CompareGate(metric: .errors, maxRelativeIncrease: nil)
    var costMetric: CostGate.Metric?
    /// The settings that only cost metrics have.
    var cost = CostGate(.cpuPerRequest)

    var kind: GateSpec.Kind {
        guard let costMetric else { return .compare(gate) }
        var cost = cost
        cost.metric = costMetric
        cost.maxRelativeIncrease = gate.maxRelativeIncrease ?? cost.maxRelativeIncrease
        cost.minSamples = gate.minSamples
        return .cost(cost)
    }

    func hasOtherMetric(than metric: CompareGate.Metric) -> Bool { costMetric != nil || gate.metric != metric }
}

/// The metrics that `compare` gates can name.
enum WrittenMetric: CaseIterable, RawRepresentable, Sendable {
    case requests(CompareGate.Metric)
    case cost(CostGate.Metric)

    static var allCases: [WrittenMetric] {
        CompareGate.Metric.allCases.map(WrittenMetric.requests) + CostGate.Metric.allCases.map(WrittenMetric.cost)
    }

    var rawValue: String {
        switch self {
        case .requests(let metric): metric.rawValue
        case .cost(let metric): metric.rawValue
        }
    }

    init?(rawValue: String) {
        if let metric = CompareGate.Metric(rawValue: rawValue) {
            self = .requests(metric)
        } else if let metric = CostGate.Metric(rawValue: rawValue) {
            self = .cost(metric)
        } else {
            return nil
        }
    }
}

/// The fields that only cost metrics have.
enum CostFields {
    static let fields: [Field<WrittenComparison>] = [
        Field("maxPerHour", bytes, "Only for metric: leak. The allowed growth beyond stable's own. Default: 100Mi.") {
            $0.cost.maxBytesPerHour = $1
        },
        Field(
            "initialDelay", .duration(),
            "Only for costs. The time from the candidate's first traffic to the first measurement. Default: 30s."
        ) { $0.cost.initialDelay = $1 },
        Field(
            "interval", .duration(.milliseconds(100)...GoDuration.longest),
            "Only for costs. The least length of one block of requests. Default: 10s."
        ) { $0.cost.interval = $1 },
        Field(
            "failureLimit", .wholeNumber(0...10_000),
            "Only for cpuPerRequest and memory. More blocks in a row above the tolerance fail the gate. Default: 5."
        ) { $0.cost.failureLimit = $1 },
    ]

    private static let bytes = Shape<Quantity>.quantity.map { quantity, node, reading -> Int? in
        if let bytes = quantity.whole() { return bytes }
        reading.report("must be whole bytes", at: node.place, suggestion: "such as 100Mi")
        return nil
    }

    private static let level = [CostGate.Metric.cpuPerRequest, .memory]
    private static let costs = CostGate.Metric.allCases

    /// The cost metrics that each field can be used with. The value nil in a comparison means a metric that is no cost.
    private static let owners: [(field: String, metrics: [CostGate.Metric])] = [
        ("maxPerHour", [.leak]), ("initialDelay", costs), ("interval", costs), ("failureLimit", level),
    ]

    /// Fields of request metrics that cost metrics cannot use, with the reason.
    private static let foreign: [(field: String, why: String)] = [
        ("source", "costs are measured on processes"),
        ("maxAbsoluteIncrease", "it is for rates, and the tolerance of a cost is relative"),
        ("passMargin", "it is for metrics that count requests"),
    ]

    static func check(_ metric: CostGate.Metric?, _ node: SourceNode, _ reading: inout DocumentReading) {
        func isGiven(_ field: String) -> Bool { node[field].map { !$0.isNull } ?? false }
        for (field, metrics) in owners where isGiven(field) && !metrics.contains(where: { $0 == metric }) {
            // A metric that could not be read has been reported already.
            guard metric != nil || isReadable(node) else { continue }
            let names = metrics.map(\.rawValue).joined(separator: ", ")
            reading.report(
                "can only be used with \(metrics.count > 1 ? "metrics" : "metric") \(names)", field: field, of: node,
                suggestion: "leave it out")
        }
        guard let metric else { return }
        for (field, why) in foreign where isGiven(field) {
            reading.report(
                "cannot be used with metric '\(metric.rawValue)': \(why)", field: field, of: node,
                suggestion: "leave it out")
        }
        if metric == .leak, isGiven("maxRelativeIncrease") {
            reading.report(
                "cannot be used with metric 'leak'", field: "maxRelativeIncrease", of: node,
                suggestion: "write the allowed growth instead: maxPerHour: 100Mi")
        }
    }

    private static func isReadable(_ node: SourceNode) -> Bool {
        node["metric"].map { $0.text.flatMap(WrittenMetric.init(rawValue:)) != nil } ?? true
    }

    static let serverRules: [ServerRule] =
        owners.map { field, metrics in
            ServerRule(
                "!has(self.\(field)) || (has(self.metric) && self.metric in [\(quoted(metrics))])",
                "\(field) can only be used with metric \(metrics.map(\.rawValue).joined(separator: ", "))")
        } + [
            ServerRule(
                "!has(self.metric) || !(self.metric in [\(quoted(costs))]) || (!has(self.source) && "
                    + "!has(self.maxAbsoluteIncrease) && !has(self.passMargin))",
                "source, maxAbsoluteIncrease and passMargin cannot be used with costs"),
            ServerRule(
                "!has(self.metric) || self.metric != 'leak' || !has(self.maxRelativeIncrease)",
                "maxRelativeIncrease cannot be used with metric 'leak'"),
        ]

    private static func quoted(_ metrics: [CostGate.Metric]) -> String {
        metrics.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    }
}

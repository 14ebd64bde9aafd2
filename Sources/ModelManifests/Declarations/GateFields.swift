/// A gate as written: inline, from a template, or only the name of one that stands elsewhere.
struct WrittenGate: Sendable {
    var givenName: String?
    var template: String?
    var kind: GateSpec.Kind?
    var place = SourcePlace(line: 1, column: 1)
    /// Its field's path, for what is found only when references are resolved.
    var path = ""

    var name: String? { givenName ?? template }
    /// It says what it judges, rather than naming a gate that does.
    var isDefinition: Bool { kind != nil || template != nil }
}

/// How gates are written.
enum GateFields {
    /// One of `rollout.gates`.
    static let gate = Shape<WrittenGate>.object(
        WrittenGate(), fields: fields, rules: [.exactlyOne(["compare", "threshold", "template"])],
        check: { gate, node, reading in
            placed(&gate, node, reading)
            if gate.name == nil, gate.kind != nil, node["name"] == nil {
                reading.report("is missing", field: "name", of: node, suggestion: "give the gate a name")
            }
        })

    /// A step's `gate`.
    static let stepGate = Shape<WrittenGate>.object(
        WrittenGate(), fields: fields,
        rules: [.atMostOne(["compare", "threshold", "template"]), .atLeastOne(["name", "template"])],
        check: { gate, node, reading in placed(&gate, node, reading) })

    /// `spec` of a GateTemplate.
    static let template = Shape<GateSpec.Kind?>.object(
        nil, fields: kindFields { $0 = $1 }, rules: [.exactlyOne(["compare", "threshold"])])

    private static func placed(_ gate: inout WrittenGate, _ node: SourceNode, _ reading: DocumentReading) {
        gate.place = node.place
        gate.path = reading.pathText
    }

    private static let fields: [Field<WrittenGate>] =
        [
            Field("name", .shortName, "What the gate is called in the status.") { $0.givenName = $1 },
            Field("template", .dnsLabel, "A GateTemplate of the namespace.") { $0.template = $1 },
        ] + kindFields { $0.kind = $1 }

    /// What a gate can judge.
    private static func kindFields<Object>(
        set: @escaping @Sendable (inout Object, GateSpec.Kind) -> Void
    ) -> [Field<Object>] {
        [
            Field("compare", compare, "The candidate against the stable that runs at the same time.") {
                set(&$0, .compare($1))
            },
            Field("threshold", ThresholdFields.shape, "One measured value against fixed bounds.") {
                set(&$0, .threshold($1))
            },
            .unavailable("drift", "use compare or threshold"),
            .unavailable("check", "use compare or threshold"),
            .unavailable("contract", "use compare or threshold"),
            .unavailable("outcome", "use compare or threshold"),
            .unavailable("distribution", "use compare or threshold"),
        ]
    }

    private static let compare = Shape<CompareGate>.object(
        CompareGate(metric: .errors, maxRelativeIncrease: nil),
        fields: [
            Field("metric", .choice(of: "metric"), "errors (5xx, failures), rejected (4xx) or slow.", isRequired: true)
            {
                $0.metric = $1
            },
            Field(
                "maxRelativeIncrease", .number(0...1000),
                "Tolerance as a share of stable's rate: 0.10 lets 1 % become 1.1 %."
            ) {
                $0.maxRelativeIncrease = $1
            },
            Field(
                "maxAbsoluteIncrease", .number(0...1),
                "Tolerance as a difference of rates: 0.005 lets 1 % become 1.5 %."
            ) {
                $0.maxAbsoluteIncrease = $1
            },
            Field("minSamples", .wholeNumber(0...1_000_000_000), "No pass before the candidate has this many.") {
                $0.minSamples = $1
            },
            Field(
                "slowerThan", .duration(.microseconds(1)...GoDuration.longest),
                "metric: slow only. The bound; stable's p95, frozen at the start, where not given."
            ) { $0.slowerThan = $1 },
            Field("passMargin", passMargin, "A pass excludes a regression larger than this.") { $0.passMargin = $1 },
        ],
        check: { gate, node, reading in
            if gate.slowerThan != nil, gate.metric != .slow, node["metric"]?.text != nil {
                reading.report(
                    "goes with metric 'slow' only", field: "slowerThan", of: node,
                    suggestion: "leave it out, or write metric: slow")
            }
            if node["maxRelativeIncrease"]?.text == nil, node["maxAbsoluteIncrease"]?.text == nil {
                gate.maxRelativeIncrease = CompareGate(metric: gate.metric).maxRelativeIncrease
            }
        })

    private static let passMargin = Shape<PassMargin>.object(
        PassMargin(),
        fields: [
            Field("relative", .number(0...1000), "As a share of stable's rate; 0.50.") { $0.relative = $1 },
            Field("absolute", .number(0...1), "As a difference of rates; 0.005 is half a percentage point.") {
                $0.absolute = $1
            },
        ],
        check: { margin, node, reading in
            if margin.relative == 0, margin.absolute == 0 {
                reading.report(
                    "of nothing can never be excluded: one of relative and absolute must be above 0", at: node.place)
            }
        })
}

/// How a threshold is written.
enum ThresholdFields {
    static let shape = Shape<ThresholdGate>.object(
        ThresholdGate(metric: .errors),
        fields: [
            Field(
                "source",
                .choice(
                    of: "source", available: ["proxy"],
                    later: ["prometheus", "datadog", "cloudwatch", "newrelic", "influxdb", "graphite", "web"]),
                "Where the value comes from: the proxy's own counters."
            ) { _, _ in },
            Field(
                "metric", .choice(of: "metric"),
                "errors and rejected are shares, latencyP50, P95 and P99 seconds, requestRate requests a second.",
                isRequired: true
            ) { $0.metric = $1 },
            .unavailable("query", "use source: proxy with metric", insteadOf: "metric"),
            Field("min", .number(0...Double.greatestFiniteMagnitude), "Below this the measurement fails.") {
                $0.min = $1
            },
            Field("max", .number(0...Double.greatestFiniteMagnitude), "Above this the measurement fails.") {
                $0.max = $1
            },
            Field("interval", .duration(.milliseconds(100)...GoDuration.longest), "Between two measurements; 10s.") {
                $0.interval = $1
            },
            Field("initialDelay", .duration(), "Before the first; 0.") { $0.initialDelay = $1 },
            Field(
                "window", .duration(.milliseconds(100)...GoDuration.longest), "What a measurement looks back on; 60s."
            ) {
                $0.window = $1
            },
            Field("failureLimit", .wholeNumber(0...10_000), "More failed measurements than this fail the gate; 0.") {
                $0.failureLimit = $1
            },
            Field("consecutiveErrorLimit", .wholeNumber(0...10_000), "More errors in a row are said in the status; 4.")
            {
                $0.consecutiveErrorLimit = $1
            },
            Field("minSamples", .wholeNumber(1...1_000_000_000), "Fewer requests are no measurement; 1.") {
                $0.minSamples = $1
            },
        ],
        rules: [.atLeastOne(["min", "max"])],
        check: { gate, node, reading in
            if let least = gate.min, let most = gate.max, least > most {
                reading.report("min is above max: no value passes", field: "min", of: node)
            }
            guard node["metric"]?.text == gate.metric.rawValue, gate.metric == .errors || gate.metric == .rejected
            else { return }
            for (name, bound) in [("min", gate.min), ("max", gate.max)] where bound ?? 0 > 1 {
                reading.report(
                    "must be between 0 and 1: '\(gate.metric.rawValue)' is a share of the requests", field: name,
                    of: node, suggestion: "0.05 is 5 %")
            }
        })
}

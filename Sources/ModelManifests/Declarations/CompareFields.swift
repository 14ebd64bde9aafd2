/// The fields of `compare` and `outcome` gates, and of the goal of an A/B test.
enum CompareFields {
    static let shape = Shape<WrittenComparison>.object(
        WrittenComparison(), fields: compared + tolerances(of: \WrittenComparison.gate) + CostFields.fields,
        rules: [.exactlyOne(["metric", "ratio", "mean"])],
        check: { written, node, reading in
            if written.gate.slowerThan != nil, written.hasOtherMetric(than: .slow), node["metric"]?.text != nil {
                reading.report(
                    "can only be used with metric 'slow'", field: "slowerThan", of: node,
                    suggestion: "leave it out, or write metric: slow")
            }
            if node["source"] != nil, node["metric"] == nil {
                reading.report(
                    "can only be used with metric", field: "source", of: node, suggestion: "move it into ratio or mean")
            }
            CostFields.check(written.costMetric, node, &reading)
            if written.costMetric == nil { settle(&written.gate, node, &reading) }
        }
    ).checkedByServer(
        [
            ServerRule(
                "!has(self.slowerThan) || !has(self.metric) || self.metric == 'slow'",
                "slowerThan can only be used with metric 'slow'"),
            ServerRule("!has(self.source) || has(self.metric)", "source can only be used with metric"),
            ServerRule(
                "!has(self.metric) || !self.metric.startsWith('latency') || !has(self.maxAbsoluteIncrease)",
                "maxAbsoluteIncrease can only be used with rates, not with latencies"),
        ] + CostFields.serverRules)

    private static let compared: [Field<WrittenComparison>] = [
        Field(
            "metric", Shape<WrittenMetric>.choice(of: "metric"),
            "errors (5xx, failures), rejected (4xx), slow, latencyP50, P95, P99; or a cost: cpuPerRequest, "
                + "memory, leak."
        ) { written, metric in
            switch metric {
            case .requests(let metric):
                written.gate.quantity = .requests(metric, source: written.gate.source)
            case .cost(let metric): written.costMetric = metric
            }
        },
        Field("ratio", ratio, "One counter divided by another, such as timeouts by requests.") {
            $0.gate.quantity = .counters($1)
        },
        Field("mean", mean, "A sum divided by a count, of values between 0 and max, such as tokens per answer.") {
            $0.gate.quantity = .counters($1)
        },
        Field(
            "source",
            .choice(of: "source", available: [MetricSourceName.proxy, MetricSourceName.server], later: []),
            "Where metric is counted: by the proxy, or by the server itself. Default: proxy."
        ) { written, source in
            if let metric = written.gate.metric { written.gate.quantity = .requests(metric, source: source) }
        },
        Field(
            "slowerThan", .duration(.microseconds(1)...GoDuration.longest),
            "Only for metric: slow. Slower requests count. Default: stable's p95 when the rollout starts."
        ) { $0.gate.slowerThan = $1 },
    ]

    static let outcome = Shape<CompareGate>.object(
        CompareGate(.counters(CounterRatio(outcome: "")), maxRelativeIncrease: nil),
        fields: [
            Field("label", .shortName, "The label that clients report to POST /api/v1/outcomes.", isRequired: true) {
                gate, label in
                guard case .counters(let ratio) = gate.quantity else { return }
                gate.quantity = .counters(
                    CounterRatio(outcome: label, maximum: ratio.maximum, better: ratio.better))
            },
            Field("max", maximum, "The largest value. Default: 1.") { gate, maximum in
                guard case .counters(var ratio) = gate.quantity else { return }
                ratio.maximum = maximum
                gate.quantity = .counters(ratio)
            },
            Field("better", .choice(of: "direction"), "higher or lower. Default: higher.") { gate, better in
                guard case .counters(var ratio) = gate.quantity else { return }
                ratio.better = better
                gate.quantity = .counters(ratio)
            },
        ] + tolerances(of: \CompareGate.self), check: { gate, node, reading in settle(&gate, node, &reading) })

    /// The goal of an A/B test.
    static let goal = Shape<GoalGate>.object(
        GoalGate(quantity: CounterRatio(outcome: "")),
        fields: [
            Field("outcome", goalOutcome, "A label that clients report to POST /api/v1/outcomes.") { $0.quantity = $1 },
            Field("ratio", ratio, "One counter divided by another.") { $0.quantity = $1 },
            Field("mean", mean, "A sum divided by a count, of values between 0 and max.") { $0.quantity = $1 },
            Field(
                "error", .number(0...1, isOpen: true),
                "How often the test may name a winner where there is none. Default: 0.05."
            ) {
                $0.error = $1
            },
            Field(
                "minSamples", .wholeNumber(0...1_000_000_000),
                "The test names no winner before the candidate has this many samples."
            ) {
                $0.minSamples = $1
            },
        ], rules: [.exactlyOne(["outcome", "ratio", "mean"])])

    private static let goalOutcome = Shape<CounterRatio>.object(
        CounterRatio(outcome: ""),
        fields: [
            Field("label", .shortName, "The label.", isRequired: true) {
                $0 = CounterRatio(outcome: $1, maximum: $0.maximum, better: $0.better)
            },
            Field("max", maximum, "The largest value. Default: 1.") { $0.maximum = $1 },
            Field("better", .choice(of: "direction"), "higher or lower. Default: higher.") { $0.better = $1 },
        ])

    private static let ratio = Shape<CounterRatio>.object(
        CounterRatio(source: MetricSourceName.server, of: "", per: ""), fields: counterFields,
        check: CounterQueryRules.check)

    private static let mean = Shape<CounterRatio>.object(
        CounterRatio(source: MetricSourceName.server, of: "", per: ""),
        fields: counterFields + [
            Field("max", maximum, "The largest value. A larger one makes the reading invalid.", isRequired: true) {
                $0.maximum = $1
            }
        ], check: CounterQueryRules.check)

    private static let maximum = Shape<Double>.number(0...1e12, isOpen: true)

    private static let counterFields: [Field<CounterRatio>] = [
        Field(
            "of", .text(), "The numerator: a counter's name, or a query of a raw cumulative counter.", isRequired: true
        ) {
            $0.of = $1
        },
        Field("per", .text(), "The denominator: a counter of all units.", isRequired: true) { $0.per = $1 },
        Field("source", .shortName, "server, or a source of the controller's settings. Default: server.") {
            $0.source = $1
        },
        Field("better", .choice(of: "direction"), "lower or higher. Default: lower.") { $0.better = $1 },
    ]

    private static func tolerances<Object>(
        of gate: any WritableKeyPath<Object, CompareGate> & Sendable
    ) -> [Field<Object>] {
        [
            Field(
                "maxRelativeIncrease", .number(0...1000),
                "Tolerance as a share of stable's rate: 0.10 allows 1 % to become 1.1 %."
            ) {
                $0[keyPath: gate].maxRelativeIncrease = $1
            },
            Field(
                "maxAbsoluteIncrease", .number(0...1),
                "Tolerance as a difference of rates: 0.005 allows 1 % to become 1.5 %."
            ) {
                $0[keyPath: gate].maxAbsoluteIncrease = $1
            },
            Field(
                "minSamples", .wholeNumber(0...1_000_000_000),
                "The gate cannot pass before the candidate has this many samples."
            ) {
                $0[keyPath: gate].minSamples = $1
            },
            Field("passMargin", passMargin, "A passing verdict excludes a regression larger than this.") {
                $0[keyPath: gate].passMargin = $1
            },
        ]
    }

    private static func settle(_ gate: inout CompareGate, _ node: SourceNode, _ reading: inout DocumentReading) {
        if node["maxRelativeIncrease"]?.text == nil, node["maxAbsoluteIncrease"]?.text == nil {
            gate.maxRelativeIncrease = CompareGate(metric: .errors).maxRelativeIncrease
        }
        guard [.latencyP50, .latencyP95, .latencyP99].contains(gate.metric), gate.maxAbsoluteIncrease != nil else {
            return
        }
        reading.report(
            "can only be used with rates, not with latencies", field: "maxAbsoluteIncrease", of: node,
            suggestion: "a latency's tolerance is relative: maxRelativeIncrease: 0.2 allows 100 ms to become 120 ms")
    }

    private static let passMargin = Shape<PassMargin>.object(
        PassMargin(),
        fields: [
            Field("relative", .number(0...1000), "As a share of stable's rate. Default: 0.50.") { $0.relative = $1 },
            Field("absolute", .number(0...1), "As a difference of rates. 0.005 is half a percentage point.") {
                $0.absolute = $1
            },
        ],
        check: { margin, node, reading in
            if margin.relative == 0, margin.absolute == 0 {
                reading.report(
                    "a margin of 0 can never be excluded: relative or absolute must be above 0", at: node.place)
            }
        }
    ).checkedByServer(
        ServerRule(
            "!has(self.relative) || self.relative > 0.0 || !has(self.absolute) || self.absolute > 0.0",
            "relative or absolute must be above 0"))
}

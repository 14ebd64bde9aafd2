/// The fields of `threshold` gates.
enum ThresholdFields {
    static let shape = Shape<ThresholdGate>.object(
        ThresholdGate(metric: .errors),
        fields: [
            Field(
                "source", .shortName,
                "proxy, server, or a source of the controller's settings, such as prometheus. Default: proxy."
            ) { gate, source in
                if source != MetricSourceName.proxy { gate.measure = .query(MetricQuery(source: source, text: "")) }
            },
            Field(
                "metric", .choice(of: "metric"),
                "errors and rejected are shares; latencyP50, P95 and P99 are seconds; requestRate is requests per second."
            ) { gate, metric in
                if case .metric = gate.measure { gate.measure = .metric(metric) }
            },
            Field(
                "query", .text(atMost: 16_384),
                "In the source's language. {{namespace}}, {{name}}, {{revision}}, {{version}}, {{window}} are filled in."
            ) { gate, text in
                if case .query(var query) = gate.measure {
                    query.text = text
                    gate.measure = .query(query)
                }
            },
            Field(
                "range", range,
                "Only for query. Points over a period of time instead of one value (Prometheus' query_range)."
            ) { gate, range in
                if case .query(var query) = gate.measure {
                    query.range = range
                    gate.measure = .query(query)
                }
            },
            Field(
                "min", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude),
                "A smaller value fails the measurement."
            ) {
                $0.min = $1
            },
            Field(
                "max", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude),
                "A larger value fails the measurement."
            ) {
                $0.max = $1
            },
            Field("condition", condition, "What must be true of the value, such as value < 0.25 && value > 0.") {
                $0.condition = $1
            },
            Field(
                "interval", .duration(.milliseconds(100)...GoDuration.longest),
                "The time between two measurements. Default: 10s."
            ) {
                $0.interval = $1
            },
            Field("initialDelay", .duration(), "The time before the first measurement. Default: 0.") {
                $0.initialDelay = $1
            },
            Field(
                "window", .duration(.milliseconds(100)...GoDuration.longest),
                "The time that a measurement covers. Default: 60s."
            ) {
                $0.window = $1
            },
            Field(
                "failureLimit", .wholeNumber(0...10_000),
                "More failed measurements than this fail the gate. Default: 0."
            ) {
                $0.failureLimit = $1
            },
            Field(
                "consecutiveErrorLimit", .wholeNumber(0...10_000),
                "More errors in a row than this are shown in the status. Default: 4."
            ) {
                $0.consecutiveErrorLimit = $1
            },
            Field(
                "minSamples", .wholeNumber(1...1_000_000_000),
                "Only for metric. With fewer requests there is no measurement. Default: 1."
            ) {
                $0.minSamples = $1
            },
        ],
        rules: [.exactlyOne(["metric", "query"]), .atLeastOne(["min", "max", "condition"])],
        check: { gate, node, reading in
            checkSource(gate, node, &reading)
            if let least = gate.min, let most = gate.max, least > most {
                reading.report("min is above max, so no value passes", field: "min", of: node)
            }
            guard case .metric(let metric) = gate.measure, node["metric"]?.text == metric.rawValue,
                metric == .errors || metric == .rejected
            else { return }
            for (name, bound) in [("min", gate.min), ("max", gate.max)] {
                guard let bound, !(0...1).contains(bound) else { continue }
                reading.report(
                    "must be between 0 and 1: '\(metric.rawValue)' is a share of the requests", field: name, of: node,
                    suggestion: "0.05 is 5 %")
            }
        }
    ).checkedByServer(
        ServerRule("!has(self.min) || !has(self.max) || self.min <= self.max", "min is above max, so no value passes"),
        ServerRule(
            "!has(self.metric) || !(self.metric in ['errors', 'rejected']) || ((!has(self.min) || (self.min >= 0.0 && self.min "
                + "<= 1.0)) && (!has(self.max) || (self.max >= 0.0 && self.max <= 1.0)))",
            "min and max of errors and rejected are shares, between 0 and 1"),
        ServerRule(
            "!has(self.metric) || !has(self.source) || self.source == 'proxy'",
            "metric can only be used with source: proxy"),
        ServerRule(
            "!has(self.query) || (has(self.source) && self.source != 'proxy')",
            "query needs another source than proxy"),
        ServerRule(
            "!has(self.range) || (has(self.query) && has(self.source) && self.source != 'server')",
            "range can only be used with a query to a source that keeps time series"))

    private static func checkSource(_ gate: ThresholdGate, _ node: SourceNode, _ reading: inout DocumentReading) {
        if case .metric = gate.measure, node["range"] != nil {
            reading.report(
                "can only be used with a query", field: "range", of: node,
                suggestion: "with a metric of the proxy, write window: 5m")
        }
        switch gate.measure {
        case .metric where node["query"] != nil && node["metric"] == nil:
            reading.report(
                "needs another source than proxy", field: "query", of: node, suggestion: "add source: prometheus")
        case .query(let query) where node["metric"] != nil && node["query"] == nil:
            reading.report(
                "can only be used with source: proxy", field: "metric", of: node,
                suggestion: "leave source out, or write a query for '\(query.source)'")
        case .query(let query):
            if query.range != nil, query.source == MetricSourceName.server {
                reading.report(
                    "needs a source that keeps time series; 'server' has only current values", field: "range",
                    of: node,
                    suggestion: "leave range out, or use a Prometheus source")
            }
            for name in unknownPlaceholders(of: query.text) {
                reading.report(
                    "contains the unknown placeholder {{\(name)}}", field: "query", of: node,
                    suggestion: DidYouMean.suggestion(
                        for: name, among: MetricQuery.placeholders, noun: "the placeholders are"))
            }
        case .metric: break
        }
    }

    private static func unknownPlaceholders(of text: String) -> [String] {
        QueryTemplate(text).placeholders.filter { !MetricQuery.placeholders.contains($0) }
    }

    private static let range = Shape<MetricRange>.object(
        MetricRange(over: .zero, reduce: .mean),
        fields: [
            Field(
                "over", .duration(.seconds(1)...GoDuration.longest), "The period of time, such as 5m.", isRequired: true
            ) {
                $0.over = $1
            },
            Field("step", .duration(.seconds(1)...GoDuration.longest), "The time between two points. Default: 15s.") {
                $0.step = $1
            },
            Field(
                "reduce", .choice(of: "reduction"), "How the points become one value: max, min, mean or last.",
                isRequired: true
            ) {
                $0.reduce = $1
            },
            Field(
                "minPoints", .wholeNumber(1...MetricRange.pointLimit),
                "With fewer points that are numbers there is no measurement. Default: 1."
            ) {
                $0.minPoints = $1
            },
        ],
        check: { range, node, reading in
            guard node["over"] != nil else { return }
            if range.pointCount > MetricRange.pointLimit {
                reading.report(
                    "gives \(range.pointCount) points in \(range.over.goText); at most \(MetricRange.pointLimit) are allowed",
                    field: "step", of: node, suggestion: "use a longer step")
            } else if range.minPoints > range.pointCount {
                reading.report(
                    "is more than the \(range.pointCount) points of this range", field: "minPoints", of: node,
                    suggestion: "write at most \(range.pointCount)")
            }
        })

    private static let condition = Shape<String>.string().map { text, node, reading -> ThresholdExpression? in
        do throws(ThresholdExpression.Fault) {
            return try ThresholdExpression(text)
        } catch {
            reading.report(error.message, at: node.place, suggestion: "such as: value < 0.25 && value > 0")
            return nil
        }
    }
}

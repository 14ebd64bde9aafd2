/// The fields of `threshold` gates.
enum ThresholdFields {
    static let shape = Shape<ThresholdGate>.object(
        ThresholdGate(metric: .errors),
        fields: [
            Field(
                "source", .shortName,
                "proxy, server, or a source of the controller's settings, such as prometheus; proxy."
            ) { gate, source in
                if source != MetricSourceName.proxy { gate.measure = .query(MetricQuery(source: source, text: "")) }
            },
            Field(
                "metric", .choice(of: "metric"),
                "errors and rejected are shares, latencyP50, P95 and P99 seconds, requestRate requests a second."
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
                "query only. Points over a stretch of time instead of one value: Prometheus' query_range."
            ) { gate, range in
                if case .query(var query) = gate.measure {
                    query.range = range
                    gate.measure = .query(query)
                }
            },
            Field(
                "min", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude),
                "Below this the measurement fails."
            ) {
                $0.min = $1
            },
            Field(
                "max", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude),
                "Above this the measurement fails."
            ) {
                $0.max = $1
            },
            Field("condition", condition, "What must hold of the value: value < 0.25 && value > 0.") {
                $0.condition = $1
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
            Field("minSamples", .wholeNumber(1...1_000_000_000), "metric only. Fewer requests are no measurement; 1.") {
                $0.minSamples = $1
            },
        ],
        rules: [.exactlyOne(["metric", "query"]), .atLeastOne(["min", "max", "condition"])],
        check: { gate, node, reading in
            checkSource(gate, node, &reading)
            if let least = gate.min, let most = gate.max, least > most {
                reading.report("min is above max: no value passes", field: "min", of: node)
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
        ServerRule("!has(self.min) || !has(self.max) || self.min <= self.max", "min is above max: no value passes"),
        ServerRule(
            "!has(self.metric) || !(self.metric in ['errors', 'rejected']) || ((!has(self.min) || (self.min >= 0.0 && self.min "
                + "<= 1.0)) && (!has(self.max) || (self.max >= 0.0 && self.max <= 1.0)))",
            "min and max of errors and rejected are shares, between 0 and 1"),
        ServerRule("!has(self.metric) || !has(self.source) || self.source == 'proxy'", "metric is of the proxy only"),
        ServerRule(
            "!has(self.query) || (has(self.source) && self.source != 'proxy')",
            "query needs a source that understands it"),
        ServerRule(
            "!has(self.range) || (has(self.query) && has(self.source) && self.source != 'server')",
            "range goes with a query of a source that keeps time series"))

    private static func checkSource(_ gate: ThresholdGate, _ node: SourceNode, _ reading: inout DocumentReading) {
        if case .metric = gate.measure, node["range"] != nil {
            reading.report(
                "goes with a query only", field: "range", of: node,
                suggestion: "a metric of the proxy looks back on window: 5m")
        }
        switch gate.measure {
        case .metric where node["query"] != nil && node["metric"] == nil:
            reading.report(
                "needs a source that understands it", field: "query", of: node, suggestion: "add source: prometheus")
        case .query(let query) where node["metric"] != nil && node["query"] == nil:
            reading.report(
                "is of the proxy only", field: "metric", of: node,
                suggestion: "leave source out, or write a query for '\(query.source)'")
        case .query(let query):
            if query.range != nil, query.source == MetricSourceName.server {
                reading.report(
                    "is of a source that keeps time series; 'server' knows only what is so now", field: "range",
                    of: node,
                    suggestion: "leave range out, or ask a Prometheus")
            }
            for name in unknownPlaceholders(of: query.text) {
                reading.report(
                    "holds the unknown placeholder {{\(name)}}", field: "query", of: node,
                    suggestion: DidYouMean.suggestion(for: name, among: MetricQuery.placeholders, noun: "there are"))
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
            Field("over", .duration(.seconds(1)...GoDuration.longest), "How far it looks back: 5m.", isRequired: true) {
                $0.over = $1
            },
            Field("step", .duration(.seconds(1)...GoDuration.longest), "Between two points; 15s.") { $0.step = $1 },
            Field("reduce", .choice(of: "reduction"), "max, min, mean or last of the points.", isRequired: true) {
                $0.reduce = $1
            },
            Field(
                "minPoints", .wholeNumber(1...MetricRange.pointLimit),
                "Fewer points that are numbers are no measurement; 1."
            ) {
                $0.minPoints = $1
            },
        ],
        check: { range, node, reading in
            guard node["over"] != nil else { return }
            if range.pointCount > MetricRange.pointLimit {
                reading.report(
                    "makes \(range.pointCount) points of \(range.over.goText); at most \(MetricRange.pointLimit) are asked for",
                    field: "step", of: node, suggestion: "use a longer step")
            } else if range.minPoints > range.pointCount {
                reading.report(
                    "is more than the \(range.pointCount) points that there are", field: "minPoints", of: node,
                    suggestion: "at most \(range.pointCount)")
            }
        })

    private static let condition = Shape<String>.string().map { text, node, reading -> Condition? in
        do throws(Condition.Fault) {
            return try Condition(text)
        } catch {
            reading.report(error.message, at: node.place, suggestion: "such as: value < 0.25 && value > 0")
            return nil
        }
    }
}

/// Checks that a query selects raw cumulative counters.
enum CounterQueryRules {
    /// PromQL functions that turn counters into rates or differences.
    private static let rates = ["rate", "irate", "increase", "delta", "idelta", "deriv"]
    private static let placeholders = MetricQuery.placeholders.filter { $0 != "window" }

    /// Checks the queries of counters that come from a source of the controller's settings.
    @Sendable static func check(_ ratio: inout CounterRatio, _ node: SourceNode, _ reading: inout DocumentReading) {
        guard !MetricSourceName.builtIn.contains(ratio.source) else { return }
        for (field, query) in [("of", ratio.of), ("per", ratio.per)] {
            if let function = rates.first(where: { calls($0, in: query) }) {
                reading.report(
                    "contains \(function)(), but a comparison needs raw cumulative counters", field: field, of: node,
                    suggestion: "write only the counter, such as sum(NAME{revision=\"{{revision}}\"})")
            }
            for name in QueryTemplate(query).placeholders where !placeholders.contains(name) {
                reading.report(
                    "contains the unknown placeholder {{\(name.shortened)}}", field: field, of: node,
                    suggestion: DidYouMean.suggestion(for: name, among: placeholders, noun: "the placeholders are"))
            }
        }
    }

    private static func calls(_ function: String, in query: String) -> Bool {
        query.ranges(of: function).contains { range in
            let before = query[..<range.lowerBound].last
            let after = query[range.upperBound...].first { !$0.isWhitespace }
            return after == "(" && !(before.map { $0.isLetter || $0.isNumber || "_:".contains($0) } ?? false)
        }
    }
}

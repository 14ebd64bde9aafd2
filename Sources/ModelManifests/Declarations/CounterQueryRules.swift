/// What a query of a raw cumulative counter is not.
enum CounterQueryRules {
    /// PromQL's functions that make rates, or differences, of counters.
    private static let rates = ["rate", "irate", "increase", "delta", "idelta", "deriv"]
    private static let placeholders = MetricQuery.placeholders.filter { $0 != "window" }

    /// Of counters that a source of the controller's settings is asked for.
    @Sendable static func check(_ ratio: inout CounterRatio, _ node: SourceNode, _ reading: inout DocumentReading) {
        guard !MetricSourceName.builtIn.contains(ratio.source) else { return }
        for (field, query) in [("of", ratio.of), ("per", ratio.per)] {
            if let function = rates.first(where: { calls($0, in: query) }) {
                reading.report(
                    "holds \(function)(): a comparison takes raw cumulative counters", field: field, of: node,
                    suggestion: "write the counter alone, such as sum(NAME{revision=\"{{revision}}\"})")
            }
            for name in query.components(between: "{{", and: "}}") where !placeholders.contains(name) {
                reading.report(
                    "holds the unknown placeholder {{\(name.shortened)}}", field: field, of: node,
                    suggestion: DidYouMean.suggestion(for: name, among: placeholders, noun: "there are"))
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

/// `{"0.1": 900, "0.25": 940, "+Inf": 950}`: cumulative buckets, as in Prometheus.
package struct ReplayLatency: Codable, Hashable, Sendable {
    package var bounds: [Double]
    /// One count for each bound, and the total at the end.
    package var buckets: [Int]

    package init(bounds: [Double], buckets: [Int]) {
        self.bounds = bounds
        self.buckets = buckets
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        var total: Int?
        var finite: [(bound: Double, count: Int)] = []
        for (key, count) in try container.decode([String: Int].self) {
            guard let bound = Double(key), !bound.isNaN else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "latency bound \"\(key)\" is not a number of seconds or +Inf")
            }
            if bound == .infinity { total = count } else { finite.append((bound, count)) }
        }
        finite.sort { $0.bound < $1.bound }
        bounds = finite.map(\.bound)
        buckets = finite.map(\.count)
        if let last = total ?? buckets.last { buckets.append(last) }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        let names = bounds.map { "\($0)" } + ["+Inf"]
        try container.encode(Dictionary(zip(names, buckets), uniquingKeysWith: { _, last in last }))
    }
}

import Foundation

/// Prometheus' answer to a query.
struct PrometheusAnswer: Hashable, Sendable {
    typealias Labels = [String: String]

    struct Sample: Hashable, Sendable {
        var labels: Labels
        var value: Double
    }

    enum Result: Hashable, Sendable {
        case scalar(Double)
        case vector([Sample])
        /// From a query that ends in `[5m]` or `[5m:10s]`, or from a range query: the samples of each series, oldest first.
        case matrix([Labels: [Double]])
        case string(String)
    }

    var result: Result
    /// The evaluation time in Unix seconds, by the server's clock; nil if the result is empty.
    var atSeconds: Double?
    /// Remarks of the server about the query.
    var warnings: [String] = []

    /// - Parameter address: the server's address, for messages.
    /// - Throws: `SourceError`, with the server's own text if it has one.
    init(_ response: SourceResponse, from address: String) throws {
        let envelope = try? JSONDecoder().decode(Envelope.self, from: response.body)
        if envelope?.status == "error", ![401, 403].contains(response.status) {
            let reason = "\(envelope?.errorType ?? "error"): \(envelope?.error ?? "no reason given")"
            throw SourceError(
                response.status < 500 ? .invalidQuery : .unreachable, String("Prometheus: \(reason)".prefix(500)))
        }
        if let refusal = response.refusal(by: address) { throw refusal }
        guard let envelope, envelope.status == "success", let data = envelope.data else {
            throw SourceError(.unreadable, "\(address) does not answer like Prometheus: check the source's url")
        }
        result = try data.result()
        atSeconds = data.atSeconds
        warnings = (envelope.warnings ?? []) + (envelope.infos ?? [])
    }
}

extension PrometheusAnswer {
    private struct Envelope: Decodable {
        var status: String
        var data: Payload?
        var errorType: String?
        var error: String?
        var warnings: [String]?
        var infos: [String]?
    }

    private enum Payload: Decodable {
        case single(kind: String, Point)
        case series([Series])

        private enum Key: CodingKey { case resultType, result }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Key.self)
            let kind = try fields.decode(String.self, forKey: .resultType)
            switch kind {
            case "scalar", "string": self = .single(kind: kind, try fields.decode(Point.self, forKey: .result))
            case "vector", "matrix": self = .series(try fields.decode([Series].self, forKey: .result))
            default:
                throw DecodingError.dataCorruptedError(
                    forKey: .resultType, in: fields, debugDescription: "unknown result type")
            }
        }

        var atSeconds: Double? {
            switch self {
            case .single(_, let point): point.atSeconds
            case .series(let series): series.lazy.compactMap(\.value?.atSeconds).first
            }
        }

        func result() throws -> Result {
            switch self {
            case .single("string", let point): return .string(point.text)
            case .single(_, let point): return .scalar(try point.number())
            case .series(let series):
                guard !series.contains(where: { $0.isHistogram }) else {
                    throw SourceError(
                        .invalidQuery, "the result is a native histogram, not a number: use histogram_quantile(…)")
                }
                guard series.contains(where: { $0.values != nil }) else {
                    return .vector(
                        try series.compactMap { one in
                            try one.value.map { Sample(labels: one.metric, value: try $0.number()) }
                        })
                }
                return .matrix(
                    try series.reduce(into: [:]) { found, one in
                        found[one.metric] = try (one.values ?? []).map { try $0.number() }
                    })
            }
        }
    }

    private struct Series: Decodable {
        var metric: Labels
        var value: Point?
        var values: [Point]?
        var isHistogram: Bool

        private enum Key: CodingKey { case metric, value, values, histogram, histograms }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Key.self)
            metric = try fields.decodeIfPresent(Labels.self, forKey: .metric) ?? [:]
            value = try fields.decodeIfPresent(Point.self, forKey: .value)
            values = try fields.decodeIfPresent([Point].self, forKey: .values)
            isHistogram = fields.contains(.histogram) || fields.contains(.histograms)
        }
    }

    /// `[1435781451.781, "1"]`: time and value.
    private struct Point: Decodable {
        var atSeconds: Double
        var text: String

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            atSeconds = try pair.decode(Double.self)
            text = try pair.decode(String.self)
        }

        /// Parses a floating-point number as Go writes it, including `NaN`, `+Inf` and `-Inf`.
        func number() throws -> Double {
            guard let number = Double(text) else {
                throw SourceError(.unreadable, "'\(text.prefix(40))' is not a number")
            }
            return number
        }
    }
}

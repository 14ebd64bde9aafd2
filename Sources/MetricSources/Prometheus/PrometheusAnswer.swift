import Foundation

/// What Prometheus answered to an instant query.
struct PrometheusAnswer: Hashable, Sendable {
    typealias Labels = [String: String]

    struct Sample: Hashable, Sendable {
        var labels: Labels
        var value: Double
    }

    enum Result: Hashable, Sendable {
        case scalar(Double)
        case vector([Sample])
        /// Of a query that ends in `[5m]` or `[5m:10s]`: the samples of each series, oldest first.
        case matrix([Labels: [Double]])
        case string(String)
    }

    var result: Result
    /// When it was evaluated, by the server's clock, in Unix seconds; nil where the result is empty.
    var atSeconds: Double?
    /// What the server says of the query, besides.
    var warnings: [String] = []

    /// - Parameter address: the server's, for people.
    /// - Throws: `SourceError`: the server's own words where it has some.
    init(_ response: SourceResponse, from address: String) throws {
        let envelope = try? JSONDecoder().decode(Envelope.self, from: response.body)
        if envelope?.status == "error", ![401, 403].contains(response.status) {
            let reason = "\(envelope?.errorType ?? "error"): \(envelope?.error ?? "no reason given")"
            throw SourceError(
                response.status < 500 ? .misasked : .unreachable, String("Prometheus: \(reason)".prefix(500)))
        }
        if let refusal = response.refusal(by: address) { throw refusal }
        guard let envelope, envelope.status == "success", let data = envelope.data else {
            throw SourceError(.unreadable, "\(address) does not answer as Prometheus does: check the source's url")
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
                        .misasked, "a native histogram where a number was wanted: ask for histogram_quantile(…)")
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

    /// `[1435781451.781, "1"]`
    private struct Point: Decodable {
        var atSeconds: Double
        var text: String

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            atSeconds = try pair.decode(Double.self)
            text = try pair.decode(String.self)
        }

        /// As Go writes floating-point numbers: `NaN`, `+Inf` and `-Inf` among them.
        func number() throws -> Double {
            guard let number = Double(text) else {
                throw SourceError(.unreadable, "'\(text.prefix(40))' where a number was wanted")
            }
            return number
        }
    }
}

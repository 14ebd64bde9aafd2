import Foundation
import ModelManifests
import SafeText

/// A query for Prometheus' HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/
///
/// It is posted as a form, so that long queries work and queries do not appear in access logs.
struct PrometheusQuery: Hashable, Sendable {
    /// The times at which the query is evaluated.
    enum Moments: Hashable, Sendable {
        /// Now, by the server's clock.
        case now
        /// A time in Unix seconds.
        case at(Double)
        /// A range that ends at a time in Unix seconds.
        case range(MetricRange, untilSeconds: Double)
    }

    var text: String
    var moments = Moments.now
    /// Also sent to the server as the query's time limit.
    var timeout: Duration

    /// - Parameters:
    ///   - base: the server's URL with its path prefix, without a trailing slash.
    ///   - authorization: the value of the header.
    func request(to base: String, authorization: String?) -> SourceRequest {
        var fields = [("query", text)]
        fields += momentFields
        fields.append(("timeout", "\(Int64(timeout / .milliseconds(1)))ms"))
        var headers = [
            SourceRequest.Header(name: "Accept", value: "application/json"),
            SourceRequest.Header(name: "Content-Type", value: "application/x-www-form-urlencoded"),
            SourceRequest.Header(name: "User-Agent", value: "mlctl"),
        ]
        if let authorization { headers.append(SourceRequest.Header(name: "Authorization", value: authorization)) }
        return SourceRequest(
            method: .post, url: base + path, headers: headers,
            body: fields.map { "\($0)=\(Escape.uriPart($1))" }.joined(separator: "&"))
    }

    private var path: String {
        if case .range = moments { "/api/v1/query_range" } else { "/api/v1/query" }
    }

    private var momentFields: [(String, String)] {
        switch moments {
        case .now: return []
        case .at(let seconds): return [("time", Self.number(seconds))]
        case .range(let range, let until):
            let step = range.step / .seconds(1)
            let from = until - Double(range.stepCount) * step
            return [("start", Self.number(from)), ("end", Self.number(until)), ("step", Self.number(step))]
        }
    }

    private static func number(_ seconds: Double) -> String { String(format: "%.3f", seconds) }
}

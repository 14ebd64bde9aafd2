import Foundation
import ModelManifests
import SafeText

/// A query, as Prometheus' HTTP API takes it: https://prometheus.io/docs/prometheus/latest/querying/api/
///
/// Posted as a form, so that a query may be long and is not written to access logs.
struct PrometheusQuery: Hashable, Sendable {
    /// At which moments it is evaluated.
    enum Moments: Hashable, Sendable {
        /// Now, by the server's own clock.
        case now
        /// Unix seconds.
        case at(Double)
        /// The last of them in Unix seconds.
        case range(MetricRange, untilSeconds: Double)
    }

    var text: String
    var moments = Moments.now
    /// The server gives up then, too.
    var timeout: Duration

    /// - Parameters:
    ///   - base: the server's URL with its path prefix, without a slash at the end.
    ///   - authorization: the header's value.
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

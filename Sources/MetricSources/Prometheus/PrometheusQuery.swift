import Foundation

/// An instant query, as Prometheus' HTTP API takes it: https://prometheus.io/docs/prometheus/latest/querying/api/
///
/// Posted as a form, so that a query may be long and is not written to access logs.
struct PrometheusQuery: Hashable, Sendable {
    var text: String
    /// Unix seconds; nil: now, by the server's own clock.
    var atSeconds: Double?
    /// The server gives up then, too.
    var timeout: Duration

    /// - Parameters:
    ///   - base: the server's URL with its path prefix, without a slash at the end.
    ///   - authorization: the header's value.
    func request(to base: String, authorization: String?) -> SourceRequest {
        var fields = [("query", text)]
        if let atSeconds { fields.append(("time", String(format: "%.3f", atSeconds))) }
        fields.append(("timeout", "\(Int64(timeout / .milliseconds(1)))ms"))
        var headers = [
            SourceRequest.Header(name: "Accept", value: "application/json"),
            SourceRequest.Header(name: "Content-Type", value: "application/x-www-form-urlencoded"),
            SourceRequest.Header(name: "User-Agent", value: "mlctl"),
        ]
        if let authorization { headers.append(SourceRequest.Header(name: "Authorization", value: authorization)) }
        return SourceRequest(
            method: .post, url: base + "/api/v1/query", headers: headers,
            body: fields.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&"))
    }

    /// A value within a double-quoted string of PromQL.
    static func escape(_ value: String) -> String {
        value.reduce(into: "") { escaped, character in
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
    }
}

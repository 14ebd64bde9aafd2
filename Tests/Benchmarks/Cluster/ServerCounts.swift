import Foundation
import KubernetesClient

/// The number of requests that an API server has answered, by `apiserver_request_total`.
struct ServerCounts {
    /// Resources that mlctl uses. The server also sends requests to itself all the time.
    static let resources: Set<String> = [
        "modeldeployments", "deployments", "services", "configmaps", "poddisruptionbudgets", "pods", "events",
        "serviceaccounts", "roles", "rolebindings",
    ]
    static let writingVerbs: Set<String> = ["APPLY", "PATCH", "POST", "PUT", "DELETE"]

    /// Answers with 2xx, by verb and resource.
    private var answers: [String: [String: Int]] = [:]

    static func read(_ api: KubernetesAPI) async throws -> ServerCounts {
        var counts = ServerCounts()
        let text = String(decoding: try await api.answer(to: APIRequest(.get, "/metrics")), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("apiserver_request_total{") {
            guard let verb = label("verb", line), let resource = label("resource", line), resources.contains(resource),
                label("code", line)?.hasPrefix("2") == true,
                let value = line.split(separator: " ").last.flatMap({ Double($0) })
            else { continue }
            counts.answers[verb, default: [:]][resource, default: 0] += Int(value)
        }
        return counts
    }

    private static func label(_ name: String, _ line: Substring) -> String? {
        line.firstRange(of: "\(name)=\"").map { String(line[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    var writes: Int { Self.writingVerbs.reduce(0) { $0 + (answers[$1]?.values.reduce(0, +) ?? 0) } }

    /// Events are written slowly, in the background.
    var writesButEvents: Int { writes - Self.writingVerbs.reduce(0) { $0 + count($1, "events") } }

    func count(_ verb: String, _ resource: String) -> Int { answers[verb]?[resource] ?? 0 }

    func count(_ verb: String) -> Int { answers[verb]?.values.reduce(0, +) ?? 0 }
}

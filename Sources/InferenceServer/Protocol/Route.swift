import Foundation
import NIOHTTP1

/// The target of a request: Open Inference Protocol v2 over HTTP, and `/metrics`.
enum Route: Hashable, Sendable {
    case serverMetadata
    case live
    case ready
    case modelMetadata
    case modelReady
    case infer
    case metrics
    case refused(Answer)

    init(method: HTTPMethod, uri: String, modelName: String, modelVersion: String) {
        let path = uri.prefix { $0 != "?" && $0 != "#" }
        var parts = path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        if parts.count >= 5, parts[3] == "versions", parts[..<2] == ["v2", "models"] {
            guard parts[4] == modelVersion else {
                let message =
                    "version '\(parts[4])' of model '\(parts[2])' is not served here; version '\(modelVersion)' is"
                self = .refused(.error(.notFound, message))
                return
            }
            parts.removeSubrange(3...4)
        }
        let named = parts.count >= 3 && parts[..<2] == ["v2", "models"]
        guard !named || parts[2] == modelName else {
            self = .refused(.error(.notFound, "model '\(parts[2])' is not served here; '\(modelName)' is"))
            return
        }
        let route: Route? =
            switch named ? Array(parts[3...]) : parts {
            case [] where named: .modelMetadata
            case ["ready"] where named: .modelReady
            case ["infer"] where named: .infer
            case ["v2"] where !named: .serverMetadata
            case ["v2", "health", "live"] where !named: .live
            case ["v2", "health", "ready"] where !named: .ready
            case ["metrics"] where !named: .metrics
            default: nil
            }
        guard let route else {
            let message = "'\(path.prefix(200))' does not exist; see /v2 and /v2/models/\(modelName)"
            self = .refused(.error(.notFound, message))
            return
        }
        let allowed: [HTTPMethod] = route == .infer ? [.POST] : [.GET, .HEAD]
        guard allowed.contains(method) else {
            let allow = allowed.map(\.rawValue).joined(separator: ", ")
            self = .refused(
                .error(.methodNotAllowed, "\(method.rawValue) is not allowed for this path; use \(allow)", allow: allow)
            )
            return
        }
        self = route
    }
}

import ModelManifests
import Rollouts

/// What `{{namespace}}`, `{{name}}`, `{{revision}}` and `{{version}}` stand for on one side.
struct Placeholders: Hashable, Sendable {
    static let names = ["namespace", "name", "revision", "version"]

    private let values: [String: String]

    init(deployment: DeploymentKey, side: Inquiry.Side) {
        values = [
            "namespace": deployment.namespace, "name": deployment.name, "revision": side.revision.rawValue,
            "version": side.version,
        ]
    }

    /// - Parameter escaping: makes a value harmless where it is put.
    /// - Throws: `SourceError` for a placeholder that means nothing here.
    func fill(_ template: String, escaping: (String) -> String) throws -> String {
        try QueryTemplate(template).filled { name in
            guard let value = values[name] else { throw Self.unknown(name) }
            return escaping(value)
        }
    }

    /// Those of a template that are not among `names`.
    static func unknown(in template: String) -> [String] {
        QueryTemplate(template).placeholders.filter { !names.contains($0) }
    }

    private static func unknown(_ name: String) -> SourceError {
        guard name != "window" else {
            return SourceError(
                .misasked, "{{window}} has no place in a cumulative counter: leave rate(…) and the window out")
        }
        return SourceError(
            .misasked,
            "{{\(name)}} means nothing here; there are \(names.map { "{{\($0)}}" }.joined(separator: ", "))")
    }
}

import ModelManifests
import Rollouts

/// The values of `{{namespace}}`, `{{name}}`, `{{revision}}` and `{{version}}` for one revision.
struct Placeholders: Hashable, Sendable {
    static let names = ["namespace", "name", "revision", "version"]

    private let values: [String: String]

    init(deployment: DeploymentKey, side: Inquiry.Side) {
        values = [
            "namespace": deployment.namespace, "name": deployment.name, "revision": side.revision.rawValue,
            "version": side.version,
        ]
    }

    /// - Throws: `SourceError` for an unknown placeholder, and for a value that would change the query.
    func fill(_ template: String, as language: QueryLanguage) throws -> String {
        try language.fill(template) { name in
            guard let value = values[name] else { throw Self.unknown(name) }
            return value
        }
    }

    /// The same for a gate's query. Unknown placeholders stay as written; they were already checked when the manifest was read.
    func fillKnown(_ template: String, as language: QueryLanguage) throws -> String {
        try language.fill(template) { values[$0] }
    }

    /// The placeholders of a template that are not in `names`.
    static func unknown(in template: String) -> [String] {
        QueryTemplate(template).placeholders.filter { !names.contains($0) }
    }

    private static func unknown(_ name: String) -> SourceError {
        guard name != "window" else {
            return SourceError(
                .invalidQuery, "{{window}} cannot be used in a cumulative counter: leave out rate(…) and the window")
        }
        return SourceError(
            .invalidQuery,
            "{{\(name)}} is not a known placeholder; use one of \(names.map { "{{\($0)}}" }.joined(separator: ", "))")
    }
}

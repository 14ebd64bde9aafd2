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

    /// - Throws: `SourceError` for a placeholder that means nothing here, and for a value that would change the question.
    func fill(_ template: String, as language: QueryLanguage) throws -> String {
        try language.fill(template) { name in
            guard let value = values[name] else { throw Self.unknown(name) }
            return value
        }
    }

    /// The same for a gate's query: placeholders that are not known stay as they are, for they were refused when the
    /// manifest was read.
    func fillKnown(_ template: String, as language: QueryLanguage) throws -> String {
        try language.fill(template) { values[$0] }
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

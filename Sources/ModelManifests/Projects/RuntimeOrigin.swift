import Foundation
import JSON

/// Which parts of a deployment's runtime a committer wrote, and which come from a preset.
struct RuntimeOrigin {
    private enum Source {
        case written(UnresolvedDeployment, base: ParsedRuntime?)
        /// Of a serving template, as it was written with its references resolved.
        case template(preset: String?, fields: Set<String>)
    }

    private let source: Source
    /// The preset that it is based on; nil where it is based on none.
    let preset: String?

    init(_ written: UnresolvedDeployment, over base: ParsedRuntime?) {
        source = .written(written, base: base)
        preset = base?.isPreset == true ? base?.key.name : nil
    }

    /// Of a revision whose manifest is not at hand any more.
    init(of template: ServingTemplate) {
        let whole = try? JSONValue(parsing: Data(template.canonical.utf8))
        let runtime = whole?["runtime"]
        var preset: String?
        if case .string(let name)? = runtime?["preset"] { preset = name }
        self.preset = preset
        source = .template(preset: preset, fields: Set((runtime ?? .null).members.keys))
    }

    /// Whether whoever may commit says the field itself, over what a preset or a ServingRuntime says.
    func overrides(_ field: String) -> Bool {
        switch source {
        case .written(let written, _): written.overridesRuntime(field)
        case .template(let preset, let fields): preset != nil && fields.contains(field)
        }
    }

    /// Whether the field comes from whoever may commit, in a manifest or in a ServingRuntime.
    func isCommitted(_ field: String) -> Bool { preset == nil || overrides(field) }

    /// Who says the field, for a message.
    func noun(of field: String) -> String {
        if case .written(let written, let base?) = source, !written.overridesRuntime(field) {
            return "the ServingRuntime '\(base.key.name)' (\(base.place))"
        }
        return "the runtime"
    }

    /// Where it is said.
    func site(of field: String) -> Violation.Site {
        if case .written(let written, _?) = source, !written.overridesRuntime(field) {
            return .runtime([.field("name")])
        }
        return .runtime([.field(field)])
    }
}

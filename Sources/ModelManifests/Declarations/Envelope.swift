/// Decides whether a document belongs to mlctl.
enum Envelope {
    enum Class: Hashable {
        case ours(ManifestKind)
        /// Of another API group, or not a Kubernetes-style object at all.
        case foreign
        /// Meant for mlctl, but wrong; the problem is reported.
        case wrong
    }

    static func classify(_ root: SourceNode, _ reading: inout DocumentReading) -> Class {
        let apiVersion = root["apiVersion"]?.text
        let kind = root["kind"]?.text
        guard let apiVersion else { return withoutVersion(root, kind: kind, &reading) }
        let group = String(apiVersion.prefix { $0 != "/" })
        guard group == ManifestFields.group else {
            let slips = 2
            let distance = DidYouMean.editDistance(Array(group.utf8.prefix(64)), Array(ManifestFields.group.utf8))
            guard distance <= slips else { return .foreign }
            return wrong("'\(apiVersion.shortened)' is unknown", "apiVersion", of: root, &reading)
        }
        guard apiVersion == ManifestFields.apiVersion else {
            return wrong("version '\(apiVersion.shortened)' is unknown", "apiVersion", of: root, &reading)
        }
        guard let kind else {
            reading.report(
                "is missing", field: "kind", of: root,
                suggestion: ManifestKind.allCases.map(\.rawValue).joined(separator: ", "))
            return .wrong
        }
        if let known = ManifestKind(rawValue: kind) { return .ours(known) }
        reading.report(
            "'\(kind.shortened)' is not a kind of \(ManifestFields.group)", field: "kind", of: root,
            suggestion: DidYouMean.suggestion(
                for: kind, among: ManifestKind.allCases.map(\.rawValue), noun: "the kinds are"))
        return .wrong
    }

    private static func withoutVersion(
        _ root: SourceNode, kind: String?, _ reading: inout DocumentReading
    ) -> Class {
        guard let kind, ManifestKind(rawValue: kind) != nil, root["spec"] != nil else { return .foreign }
        reading.report(
            "is missing", field: "apiVersion", of: root, suggestion: "write apiVersion: \(ManifestFields.apiVersion)")
        return .wrong
    }

    private static func wrong(
        _ message: String, _ field: String, of root: SourceNode, _ reading: inout DocumentReading
    ) -> Class {
        reading.report(message, field: field, of: root, suggestion: "did you mean '\(ManifestFields.apiVersion)'?")
        return .wrong
    }
}

/// A field that a server-side apply without force cannot set, because another manager owns it.
public struct FieldConflict: Hashable, Sendable, CustomStringConvertible {
    /// `.spec.replicas`
    public var field: String
    /// `kubectl-edit`; nil if the server did not name it.
    public var manager: String?

    public init(field: String, manager: String?) {
        self.field = field
        self.manager = manager
    }

    public var description: String { "\(field) is owned by \(manager ?? "another manager")" }
}

extension APIError {
    /// The contested fields and their managers, from a 409 of server-side apply. Empty for any other error.
    public var fieldConflicts: [FieldConflict] {
        causes.compactMap { cause in
            guard cause.reason == "FieldManagerConflict" else { return nil }
            // `conflict with "kubectl-edit" using apps/v1`: the manager's name is only in this text.
            let quoted = cause.message?.split(separator: "\"", omittingEmptySubsequences: false) ?? []
            return FieldConflict(
                field: cause.field ?? "a field", manager: quoted.count >= 3 ? String(quoted[1]) : nil)
        }
    }
}

/// One field that a server-side apply without force may not set, for somebody else owns it.
public struct FieldConflict: Hashable, Sendable, CustomStringConvertible {
    /// `.spec.replicas`
    public var field: String
    /// `kubectl-edit`, where the server named it.
    public var manager: String?

    public init(field: String, manager: String?) {
        self.field = field
        self.manager = manager
    }

    public var description: String { "\(field) is owned by \(manager ?? "another manager")" }
}

extension APIError {
    /// Of a 409 of server-side apply: which fields are contested, and by whom. Empty for any other error.
    public var fieldConflicts: [FieldConflict] {
        causes.compactMap { cause in
            guard cause.reason == "FieldManagerConflict" else { return nil }
            // `conflict with "kubectl-edit" using apps/v1`: the manager's name stands nowhere else.
            let quoted = cause.message?.split(separator: "\"", omittingEmptySubsequences: false) ?? []
            return FieldConflict(
                field: cause.field ?? "a field", manager: quoted.count >= 3 ? String(quoted[1]) : nil)
        }
    }
}

/// One `*.yaml` or `*.yml` file of a commit.
public struct GitFile: Hashable, Sendable {
    /// The blob's object id. Equal ids mean equal bytes.
    public var blob: String
    /// Nil if the file cannot be used; then `problem` says why and what to do.
    public var text: String?
    public var problem: String?

    public init(blob: String, text: String?, problem: String? = nil) {
        self.blob = blob
        self.text = text
        self.problem = problem
    }
}

/// The result of one check of a repository.
public struct GitRevision: Hashable, Sendable {
    /// The commit's full object id.
    public var commit: String
    /// `refs/heads/main`, `refs/tags/v1`; nil for a pinned commit.
    public var reference: String?
    /// The commit of the previous check; nil at the first one.
    public var previous: String?
    /// History was rewritten since the previous check: the previous commit is not an ancestor of this one.
    public var isForced: Bool

    public init(commit: String, reference: String?, previous: String? = nil, isForced: Bool = false) {
        self.commit = commit
        self.reference = reference
        self.previous = previous
        self.isForced = isForced
    }
}

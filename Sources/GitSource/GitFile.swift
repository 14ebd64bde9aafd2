/// One `*.yaml` or `*.yml` file of a commit.
public struct GitFile: Hashable, Sendable {
    /// The blob's object id: the same id means the same bytes.
    public var blob: String
    /// Nil where the file could not be taken; `problem` says why and what to do.
    public var text: String?
    public var problem: String?

    public init(blob: String, text: String?, problem: String? = nil) {
        self.blob = blob
        self.text = text
        self.problem = problem
    }
}

/// What one pass over a repository found.
public struct GitRevision: Hashable, Sendable {
    /// The commit's full object id. It never means anything else.
    public var commit: String
    /// `refs/heads/main`, `refs/tags/v1`; nil for a pinned commit.
    public var reference: String?
    /// What the pass before found; nil at the first.
    public var previous: String?
    /// History was rewritten since the last pass: the commit that was read before is no ancestor of this one.
    public var isForced: Bool

    public init(commit: String, reference: String?, previous: String? = nil, isForced: Bool = false) {
        self.commit = commit
        self.reference = reference
        self.previous = previous
        self.isForced = isForced
    }
}

import SafeText

/// What to read of a repository: a branch, a tag, the highest tag in a version range, or one fixed commit.
package enum GitReference: Hashable, Sendable, CustomStringConvertible {
    /// A branch or a tag. If both exist, the branch is used, as in `git checkout`.
    case named(String)
    case branch(String)
    case tag(String)
    case semver(VersionRange)
    /// A full object id, in lower case.
    case commit(String)

    static let maximumLength = 255
    private static let branches = "refs/heads/"
    private static let tags = "refs/tags/"

    /// Parses the name of a branch or tag, or a full commit id.
    ///
    /// - Throws: `GitError` with `invalidConfiguration` for a name that git does not accept
    ///   (https://git-scm.com/docs/git-check-ref-format), and for text that could be read as an option.
    package init(_ text: String) throws(GitError) {
        if Self.isObjectID(text) {
            self = .commit(text.lowercased())
            return
        }
        try Self.check(text, what: "branch, tag or full commit id")
        self = .named(text)
    }

    /// - Throws: as `init(_:)`.
    package init(branch name: String) throws(GitError) {
        try Self.check(name, what: "branch")
        self = .branch(name.hasPrefix(Self.branches) ? String(name.dropFirst(Self.branches.count)) : name)
    }

    /// - Throws: as `init(_:)`.
    package init(tag name: String) throws(GitError) {
        try Self.check(name, what: "tag")
        self = .tag(name.hasPrefix(Self.tags) ? String(name.dropFirst(Self.tags.count)) : name)
    }

    /// - Throws: as `VersionRange.init`.
    package init(semver range: String) throws(GitError) { self = .semver(try VersionRange(range)) }

    /// - Throws: as `init(_:)`.
    package init(commit id: String) throws(GitError) {
        guard Self.isObjectID(id) else {
            throw GitError(
                .invalidConfiguration,
                "'\(id.prefix(Self.maximumLength))' is not a full commit id. Use all of its 40 (or 64) hex digits.")
        }
        self = .commit(id.lowercased())
    }

    package var description: String {
        switch self {
        case .named(let name), .branch(let name), .tag(let name): name
        case .semver(let range): range.description
        case .commit(let id): id
        }
    }

    /// Full reference names to try, in order of preference. Empty for a commit and for a range.
    var candidates: [String] {
        switch self {
        case .commit, .semver: []
        case .branch(let name): [Self.branches + name]
        case .tag(let name): [Self.tags + name]
        case .named(let name) where name.hasPrefix(Self.branches) || name.hasPrefix(Self.tags): [name]
        case .named(let name): [Self.branches + name, Self.tags + name]
        }
    }

    /// 40 (SHA-1) or 64 (SHA-256) hex digits.
    static func isObjectID(_ text: String) -> Bool {
        (text.utf8.count == 40 || text.utf8.count == 64) && Hex.isHex(text)
    }

    private static func check(_ name: String, what: String) throws(GitError) {
        guard let reason = problem(with: name) else { return }
        throw GitError(
            .invalidConfiguration,
            "'\(name.prefix(maximumLength))' is not a \(what): \(reason). Use the name of a branch, such as 'main'.")
    }

    private static func problem(with name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        if name.utf8.count > maximumLength { return "it is longer than \(maximumLength) bytes" }
        let scalars = name.unicodeScalars
        if scalars.first == "-" { return "it starts with '-'" }
        if name == "@" || name == "HEAD" { return "it does not name a branch" }
        if scalars.contains(where: {
            $0.value <= 0x20 || (0x7F...0x9F).contains($0.value) || "~^:?*[\\".unicodeScalars.contains($0)
        }) {
            return "it contains a blank, a control character or one of ~ ^ : ? * [ \\"
        }
        // Compares scalars: Swift reads a slash with a combining mark as another character, and git does not.
        let parts = scalars.split(separator: "/", omittingEmptySubsequences: false).map { Array($0) }
        for (one, other) in [(".", "."), ("@", "{")] as [(Unicode.Scalar, Unicode.Scalar)]
        where zip(scalars, scalars.dropFirst()).contains(where: { $0 == one && $1 == other }) {
            return "it contains '..' or '@{'"
        }
        if parts.contains(where: \.isEmpty) { return "it starts or ends with '/', or contains '//'" }
        let lock = Array(".lock".unicodeScalars)
        if parts.contains(where: { $0.first == "." || $0.suffix(lock.count).elementsEqual(lock) })
            || scalars.last == "."
        {
            return "a part of it starts with '.', or ends with '.lock' or '.'"
        }
        return nil
    }
}

/// What a repository is read at: a branch, a tag, or one commit for ever.
///
/// A plain name may be either a branch or a tag; the branch wins, as in `git checkout`.
public enum GitReference: Hashable, Sendable, CustomStringConvertible {
    case named(String)
    /// A full object id, in lower case.
    case commit(String)

    static let maximumLength = 255

    /// - Throws: `GitError` with `invalidConfiguration` for what git does not take as a name
    ///   (https://git-scm.com/docs/git-check-ref-format), and for whatever could be read as an option.
    public init(_ text: String) throws(GitError) {
        if Self.isObjectID(text) {
            self = .commit(text.lowercased())
            return
        }
        if let reason = Self.problem(with: text) {
            throw GitError(
                .invalidConfiguration,
                "'\(text)' is no branch, tag or full commit id: \(reason). Give the name of a branch, such as 'main'.")
        }
        self = .named(text)
    }

    public var description: String {
        switch self {
        case .named(let name): name
        case .commit(let id): id
        }
    }

    /// Full names to look for, best first. Empty for a commit.
    var candidates: [String] {
        switch self {
        case .commit: []
        case .named(let name) where name.hasPrefix("refs/heads/") || name.hasPrefix("refs/tags/"): [name]
        case .named(let name): ["refs/heads/\(name)", "refs/tags/\(name)"]
        }
    }

    /// 40 (SHA-1) or 64 (SHA-256) hex digits.
    static func isObjectID(_ text: String) -> Bool {
        (text.utf8.count == 40 || text.utf8.count == 64) && isHex(text)
    }

    static func isHex(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || (0x41...0x46).contains($0) }
    }

    private static func problem(with name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        if name.utf8.count > maximumLength { return "it is longer than \(maximumLength) bytes" }
        if name.hasPrefix("-") { return "it starts with '-'" }
        if name == "@" || name == "HEAD" { return "it is not fixed to a branch" }
        if name.unicodeScalars.contains(where: {
            $0.value <= 0x20 || $0.value == 0x7F || "~^:?*[\\".unicodeScalars.contains($0)
        }) {
            return "it holds a blank or one of ~ ^ : ? * [ \\"
        }
        if name.contains("..") || name.contains("@{") { return "it holds '..' or '@{'" }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if parts.contains(where: \.isEmpty) { return "it starts or ends with '/', or holds '//'" }
        if parts.contains(where: { $0.hasPrefix(".") || $0.hasSuffix(".lock") }) || name.hasSuffix(".") {
            return "a part of it starts with '.', or ends with '.lock' or '.'"
        }
        return nil
    }
}

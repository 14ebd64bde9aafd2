/// A YAML value and its place in the file. Aliases are resolved; keys are text.
struct SourceNode: Sendable {
    enum Content: Sendable {
        /// `isPlain`: written without quotes, so that `2`, `true` and `null` are not text.
        case scalar(String, isPlain: Bool)
        case mapping([Entry])
        case sequence([SourceNode])
    }

    struct Entry: Sendable {
        var key: String
        var keyPlace: SourcePlace
        var value: SourceNode
    }

    var content: Content
    var place: SourcePlace

    /// The value of a key in a mapping; nil where the key is missing or the node is not a mapping.
    subscript(key: String) -> SourceNode? { entry(key)?.value }

    func entry(_ key: String) -> Entry? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key == key }
    }

    /// YAML's null: empty, `~` or `null`. It means "not given".
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
    }

    /// The scalar's text without quotes; nil for mappings, lists and null.
    var text: String? {
        guard case .scalar(let text, _) = content, !isNull else { return nil }
        return text
    }

    /// The value in words, for "must be a list, not …".
    var shownInMessages: String {
        switch content {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar where isNull: "nothing"
        case .scalar(let text, isPlain: true): "'\(text.shortened)'"
        case .scalar(let text, isPlain: false): "the text \"\(text.shortened)\""
        }
    }
}

/// Line and column, both from 1. Columns count Unicode scalars, as libyaml does.
struct SourcePlace: Hashable, Sendable {
    var line: Int
    var column: Int
}

extension String {
    /// Text for a message: one line of at most 60 characters, whatever the file contains.
    var shortened: String {
        let limitCharacters = 60
        let line = String(prefix(limitCharacters)).replacing("\n", with: "\\n").replacing("\r", with: "\\r")
        return count > limitCharacters ? line + "…" : line
    }
}

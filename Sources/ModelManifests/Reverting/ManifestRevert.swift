/// Edits the text of a manifest so that a deployment asks again for what serves. Text in, text out.
///
/// Only `spec.model`, `spec.runtime` and `spec.resources` of that deployment change. Comments, order and layout stay, as does
/// everything else in the file. The result is parsed again and compared: a text that cannot be edited exactly is refused.
package enum ManifestRevert {
    /// Why a text is not edited.
    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case notDescribed(file: String)
        case describedTwice
        /// Its own fields are what serves already: the difference is in a document that it refers to, or in its model files.
        case nothingDiffers
        case layout

        package var description: String {
            switch self {
            case .notDescribed(let file): "\(file) does not describe the deployment"
            case .describedTwice: "the file describes the deployment twice"
            case .nothingDiffers:
                "its own manifest already asks for what serves: the change is in a ServingRuntime that it refers to, or in "
                    + "the model's files"
            case .layout:
                "the layout of its manifest cannot be edited safely (anchors, tags, or values over several lines)"
            }
        }
    }

    /// The fields of `spec` that make a revision.
    static let fields = ["model", "runtime", "resources"]

    /// - Parameters:
    ///   - text: the file as it is now.
    ///   - served: the file with the deployment as it serves, from an earlier commit. It may be another file.
    /// - Throws: `Refusal`.
    package static func edit(_ text: String, of key: DeploymentKey, like served: String) throws(Refusal) -> String {
        let now = try EditableText(text, key, file: "the manifest in git")
        let old = try EditableText(served, key, file: "the manifest of what serves")
        guard fields.contains(where: { !same(now.spec[$0], old.spec[$0]) }) else { throw .nothingDiffers }
        for isFine in [true, false] {
            var edits = RevertEdits(now, old)
            guard edits.revert(isFine: isFine), let result = edits.applied, isExact(result, from: now, like: old, key)
            else { continue }
            return result
        }
        throw .layout
    }

    /// The edited text has the old fields, and everything else is as it was.
    private static func isExact(_ result: String, from now: EditableText, like old: EditableText, _ key: DeploymentKey)
        -> Bool
    {
        guard let edited = try? EditableText(result, key, file: ""), edited.documents.count == now.documents.count
        else {
            return false
        }
        for (index, (before, after)) in zip(now.documents, edited.documents).enumerated() where index != now.index {
            guard same(before, after) else { return false }
        }
        return edited.index == now.index && fields.allSatisfy { same(edited.spec[$0], old.spec[$0]) }
            && same(edited.document.without(fields), now.document.without(fields))
    }

    static func same(_ left: SourceNode?, _ right: SourceNode?) -> Bool {
        switch (left?.content, right?.content) {
        case (nil, nil): true
        case (.scalar(let a, let isPlain)?, .scalar(let b, isPlain: let isPlainToo)?): a == b && isPlain == isPlainToo
        case (.sequence(let a)?, .sequence(let b)?): a.count == b.count && zip(a, b).allSatisfy { same($0, $1) }
        case (.mapping(let a)?, .mapping(let b)?):
            a.count == b.count
                && a.allSatisfy { entry in b.contains { $0.key == entry.key && same(entry.value, $0.value) } }
        default: false
        }
    }
}

extension SourceNode {
    /// A document without some fields of its `spec`.
    fileprivate func without(_ fields: [String]) -> SourceNode {
        guard case .mapping(let entries) = content else { return self }
        let rest = entries.map { entry -> Entry in
            guard entry.key == "spec", case .mapping(let own) = entry.value.content else { return entry }
            var spec = entry
            spec.value.content = .mapping(own.filter { !fields.contains($0.key) })
            return spec
        }
        return SourceNode(content: .mapping(rest), place: place)
    }
}

/// A file's text as lines of scalars, with the document of one deployment.
struct EditableText {
    typealias Line = [Unicode.Scalar]

    /// Without line ends. A byte order mark is left out.
    let lines: [Line]
    let hasMark: Bool
    let documents: [SourceNode]
    let index: Int

    var document: SourceNode { documents[index] }
    var spec: SourceNode { document["spec"] ?? document }
    /// Whether its lines end with carriage return and line feed.
    var hasReturns: Bool { lines.first?.last == "\r" }

    init(_ text: String, _ key: DeploymentKey, file: String) throws(ManifestRevert.Refusal) {
        hasMark = text.unicodeScalars.first == "\u{FEFF}"
        let body = text.unicodeScalars.dropFirst(hasMark ? 1 : 0)
        lines = body.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init)
        guard text.utf8.count <= ManifestReader.fileLimitBytes else { throw .notDescribed(file: file) }
        var documents: [SourceNode] = []
        for document in DocumentText.split(text) {
            let composed = DocumentComposer.compose(document)
            guard composed.failure == nil, composed.roots.allSatisfy(\.duplicates.isEmpty) else { throw .layout }
            documents += composed.roots.flatMap { ManifestList.documents(in: $0.node) }
        }
        self.documents = documents
        let own = documents.indices.filter { ManifestPlace.describes(documents[$0], key) }
        guard let first = own.first, documents[first]["spec"] != nil else { throw .notDescribed(file: file) }
        guard own.count == 1 else { throw .describedTwice }
        index = first
    }

    func scalar(_ line: Int, _ column: Int) -> Unicode.Scalar? {
        guard lines.indices.contains(line - 1), lines[line - 1].indices.contains(column - 1) else { return nil }
        return lines[line - 1][column - 1]
    }

    func isFlow(_ node: SourceNode) -> Bool {
        let first = scalar(node.place.line, node.place.column)
        switch node.content {
        case .scalar: return false
        case .mapping: return first == "{"
        case .sequence: return first == "["
        }
    }

    /// The columns of a value that stands on one line, from 1: `lower` is its first, `upper` the one after its last. Nil where it
    /// has an anchor or a tag, or stands on several lines.
    func token(of node: SourceNode, inFlow: Bool) -> Range<Int>? {
        let (line, start) = (node.place.line, node.place.column)
        guard let first = scalar(line, start), !["&", "*", "!", "|", ">"].contains(first) else { return nil }
        let all = lines[line - 1]
        switch first {
        case "\"", "'": return closing(first, all, from: start).map { start..<$0 + 1 }
        case "{", "[": return bracket(all, from: start).map { start..<$0 + 1 }
        default:
            var end = start
            while end <= all.count {
                let next = all[end - 1]
                if inFlow, [",", "}", "]"].contains(next) { break }
                if next == "#", end > 1, [" ", "\t"].contains(all[end - 2]) { break }
                end += 1
            }
            while end > start, [" ", "\t", "\r"].contains(all[end - 2]) { end -= 1 }
            return end > start ? start..<end : nil
        }
    }

    private func closing(_ quote: Unicode.Scalar, _ all: Line, from start: Int) -> Int? {
        var column = start + 1
        while column <= all.count {
            let scalar = all[column - 1]
            if scalar == "\\", quote == "\"" {
                column += 1
            } else if scalar == quote {
                guard quote == "'", column < all.count, all[column] == "'" else { return column }
                column += 1
            }
            column += 1
        }
        return nil
    }

    private func bracket(_ all: Line, from start: Int) -> Int? {
        var depth = 0
        var column = start
        while column <= all.count {
            switch all[column - 1] {
            case "{", "[": depth += 1
            case "}", "]":
                depth -= 1
                if depth == 0 { return column }
            case "\"", "'":
                let before = column > 1 ? all[column - 2] : " "
                if [" ", "\t", ",", "{", "[", ":"].contains(before) {
                    guard let end = closing(all[column - 1], all, from: column) else { return nil }
                    column = end
                }
            case "#" where column > 1 && [" ", "\t"].contains(all[column - 2]): return nil
            default: break
            }
            column += 1
        }
        return nil
    }

    /// The lines of an entry of a block mapping, from 1: its key's line to the line of its value's end. Blank lines and comments
    /// after it belong to what follows.
    func lines(of entry: SourceNode.Entry) -> Range<Int>? {
        let (first, column) = (entry.keyPlace.line, entry.keyPlace.column)
        guard isAlone(first, column) else { return nil }
        var last = first
        var line = first + 1
        while line <= lines.count {
            let text = lines[line - 1]
            let indent = text.prefix { $0 == " " }.count
            let content = text.dropFirst(indent).first { $0 != "\t" && $0 != "\r" }
            if let content {
                // A list may stand at the column of its key.
                let isItem = content == "-" && indent == column - 1
                guard indent >= column || isItem || content == "#" else { break }
                if indent < column, isItem, !isList(entry.value) { break }
                if content != "#" { last = line }
            }
            line += 1
        }
        return first..<last + 1
    }

    private func isList(_ node: SourceNode) -> Bool { if case .sequence = node.content { true } else { false } }

    /// Whether only blanks stand before the column.
    private func isAlone(_ line: Int, _ column: Int) -> Bool {
        lines.indices.contains(line - 1) && lines[line - 1].prefix(column - 1).allSatisfy { $0 == " " }
    }
}

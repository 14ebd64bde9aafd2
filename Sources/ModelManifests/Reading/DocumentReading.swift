/// The state of reading one document: the path of the current value, and the problems found so far.
struct DocumentReading {
    let file: String
    private(set) var path: [PathElement]
    private(set) var diagnostics: [Diagnostic] = []

    init(file: String, path: [PathElement] = []) {
        self.file = file
        self.path = path
    }

    var pathText: String { PathElement.text(path) }

    mutating func enter(_ element: PathElement) { path.append(element) }

    mutating func leave() { path.removeLast() }

    /// The limit of problems per document; nobody reads more.
    private static let diagnosticLimit = 200

    /// No further problems are recorded.
    var isFull: Bool { diagnostics.count >= Self.diagnosticLimit }

    /// Reports a problem of the current value.
    mutating func report(_ message: String, at place: SourcePlace, suggestion: String? = nil) {
        guard !isFull else { return }
        diagnostics.append(
            Diagnostic(
                file: file, line: place.line, column: place.column, path: pathText, message: message,
                suggestion: suggestion))
    }

    /// Reports a problem of a field of the current value. Its place is the field's key, or the whole value where the field is
    /// missing.
    mutating func report(_ message: String, field: String, of node: SourceNode, suggestion: String? = nil) {
        enter(.field(field))
        report(message, at: node.entry(field)?.keyPlace ?? node.place, suggestion: suggestion)
        leave()
    }
}

/// One part of a field's path, such as `steps` and `[2]` in `spec.rollout.steps[2]`.
enum PathElement: Hashable, Sendable {
    case field(String)
    case index(Int)

    static func text(_ path: some Sequence<PathElement>) -> String {
        var text = ""
        for element in path {
            switch element {
            case .field(let name): text += text.isEmpty ? name : ".\(name)"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}

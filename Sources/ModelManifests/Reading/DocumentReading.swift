/// What has been found while one document is read: where the reader is, and what is wrong so far.
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

    /// Nobody reads more about one document.
    private static let diagnosticLimit = 200

    /// So much is wrong that nothing more is said.
    var isFull: Bool { diagnostics.count >= Self.diagnosticLimit }

    /// Says that what the reader is at is wrong.
    mutating func report(_ message: String, at place: SourcePlace, suggestion: String? = nil) {
        guard !isFull else { return }
        diagnostics.append(
            Diagnostic(
                file: file, line: place.line, column: place.column, path: pathText, message: message,
                suggestion: suggestion))
    }

    /// Says that a field of what the reader is at is wrong: at its value, or at the whole where it is not given.
    mutating func report(_ message: String, field: String, of node: SourceNode, suggestion: String? = nil) {
        enter(.field(field))
        report(message, at: node.entry(field)?.keyPlace ?? node.place, suggestion: suggestion)
        leave()
    }
}

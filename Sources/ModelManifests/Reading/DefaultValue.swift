import JSON

/// The default that a field's description states, as a value for editors.
///
/// The sentence "Default: 30s." is written once, for people. It becomes the keyword `default` where the field itself would accept
/// what it says; words such as "Default: the runtime's image." do not.
enum DefaultValue {
    private static let introduction = "Default: "

    static func stated<Value>(in summary: String, by shape: Shape<Value>) -> JSONValue? {
        guard let start = summary.ranges(of: introduction).last?.upperBound, summary.hasSuffix(".") else { return nil }
        let text = String(summary[start...].dropLast())
        guard !text.isEmpty, !text.contains(where: \.isWhitespace), !isFreeText(shape.schema()) || text.hasPrefix("/")
        else {
            return nil
        }
        let node = SourceNode(content: .scalar(text, isPlain: true), place: SourcePlace(line: 1, column: 1))
        var reading = DocumentReading(file: "")
        guard shape.read(node, &reading) != nil, reading.diagnostics.isEmpty else { return nil }
        return shape.canonical(node)
    }

    /// Any word would be accepted, whatever the sentence means by it.
    private static func isFreeText(_ schema: JSONValue) -> Bool {
        guard case .object(let members) = schema, members["enum"] == nil, members["pattern"] == nil else {
            return false
        }
        switch members["type"] {
        case .string("string")?: return true
        case .array(let types)?: return types.contains("string")
        default: return false
        }
    }
}

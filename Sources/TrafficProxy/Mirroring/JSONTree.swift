/// A JSON value, in the detail that a comparison needs.
enum JSONTree: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONTree])
    case object([String: JSONTree])

    /// - Throws: if the text is not exactly one JSON value.
    init(_ bytes: UnsafeRawBufferPointer) throws(JSONScanner.Fault) {
        var scanner = JSONScanner(bytes)
        scanner.skipSpace()
        self = try Self.value(&scanner, depth: 0)
        scanner.skipSpace()
        guard scanner.offset == bytes.count else { throw .malformed }
    }

    private static func value(_ scanner: inout JSONScanner, depth: Int) throws(JSONScanner.Fault) -> JSONTree {
        switch try scanner.kind() {
        case .null:
            try scanner.word("null")
            return .null
        case .boolean: return .boolean(try scanner.boolean())
        case .number: return .number(try scanner.number())
        case .string:
            let range = try scanner.string()
            return .string(try text(scanner, range))
        case .array:
            var elements: [JSONTree] = []
            try scanner.elements(depth: depth) { (scanner, _) throws(JSONScanner.Fault) in
                elements.append(try value(&scanner, depth: depth + 1))
            }
            return .array(elements)
        case .object:
            var members: [String: JSONTree] = [:]
            try scanner.members(depth: depth) { (scanner, name) throws(JSONScanner.Fault) in
                members[try text(scanner, name)] = try value(&scanner, depth: depth + 1)
            }
            return .object(members)
        }
    }

    private static func text(_ scanner: JSONScanner, _ range: Range<Int>) throws(JSONScanner.Fault) -> String {
        guard let text = JSONScanner.text(scanner.bytes, range) else { throw .malformed }
        return text
    }
}

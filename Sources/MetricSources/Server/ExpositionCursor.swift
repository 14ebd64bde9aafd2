/// Parses one line of a metrics page from left to right.
struct ExpositionCursor {
    private var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) { rest = line }

    var peek: UInt8? { rest.first }

    /// Whether only blanks are left.
    var isAtEnd: Bool { rest.allSatisfy(Self.isBlank) }

    mutating func skipBlanks() { rest = rest.drop(while: Self.isBlank) }

    /// The last word holds the rest of the line.
    func words(atMost count: Int) -> [String] {
        rest.split(maxSplits: count - 1, whereSeparator: Self.isBlank).map { word in
            String(decoding: word.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        }
    }

    /// Parses `[a-zA-Z_:][a-zA-Z0-9_:]*`; empty if there is no name.
    mutating func name() -> ArraySlice<UInt8> {
        guard let first = rest.first, Self.isNameByte(first), !Self.isDigit(first) else { return [] }
        let name = rest.prefix(while: Self.isNameByte)
        rest = rest[name.endIndex...]
        return name
    }

    /// Parses what follows a name: labels and a value.
    mutating func sample(named name: String) -> ExpositionText.Sample? {
        skipBlanks()
        guard let labels = labels() else { return nil }
        skipBlanks()
        let text = String(decoding: rest.prefix { !Self.isBlank($0) }, as: UTF8.self)
        return Double(text).map { ExpositionText.Sample(name: name, labels: labels, value: $0) }
    }

    /// Parses `{a="b",c="d"}`, or nothing.
    ///
    /// - Returns: nil if the labels are malformed.
    mutating func labels() -> [String: String]? {
        guard take("{") else { return [:] }
        var labels: [String: String] = [:]
        skipBlanks()
        while !take("}") {
            let name = name()
            skipBlanks()
            guard !name.isEmpty, take("=") else { return nil }
            skipBlanks()
            guard let value = quoted() else { return nil }
            labels[String(decoding: name, as: UTF8.self)] = value
            skipBlanks()
            guard take(",") || peek == UInt8(ascii: "}") else { return nil }
            skipBlanks()
        }
        return labels
    }

    private mutating func quoted() -> String? {
        guard take("\"") else { return nil }
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: value, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return nil }
                value.append(escaped == UInt8(ascii: "n") ? UInt8(ascii: "\n") : escaped)
            default: value.append(byte)
            }
        }
        return nil
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: ":"):
            true
        default: isDigit(byte)
        }
    }
}

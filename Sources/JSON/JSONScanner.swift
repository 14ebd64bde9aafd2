/// Scans JSON text (RFC 8259) strictly, without building a tree. It finds the range of one value, and validates everything around
/// it.
///
/// As in most parsers, the last of several members with the same name counts. Text nested deeper than `depthMax` is refused.
package struct JSONScanner {
    package static let depthMax = 128

    package enum Fault: Error, Hashable { case malformed, tooDeep }

    enum Kind { case object, array, string, number, boolean, null }

    let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        offset = 0
    }

    /// The range of the value at the path. Nil if there is none.
    /// - Throws: if the text as a whole is not JSON.
    package static func range(of path: JSONPath, in bytes: UnsafeRawBufferPointer) throws(Fault) -> Range<Int>? {
        var scanner = JSONScanner(bytes)
        scanner.skipSpace()
        let range = try scanner.value(at: path.steps[...], depth: 0)
        scanner.skipSpace()
        guard scanner.offset == bytes.count else { throw .malformed }
        return range
    }

    /// The text of one value without the white space between its parts: numbers and strings stay as they are written.
    /// - Throws: where it is not JSON.
    package static func compact(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> [UInt8] {
        var scanner = JSONScanner(bytes)
        scanner.skipSpace()
        try scanner.skipValue(depth: 0)
        scanner.skipSpace()
        guard scanner.offset == bytes.count else { throw .malformed }
        var compact: [UInt8] = []
        compact.reserveCapacity(bytes.count)
        var isInString = false
        var isEscaped = false
        for byte in bytes {
            if !isInString, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { continue }
            compact.append(byte)
            if byte == 0x22, !isEscaped { isInString.toggle() }
            isEscaped = isInString && byte == 0x5c && !isEscaped
        }
        return compact
    }

    // MARK: Values

    /// The kind of the next value, from its first byte.
    func kind() throws(Fault) -> Kind {
        guard let first = peek else { throw .malformed }
        switch first {
        case 0x7b: return .object
        case 0x5b: return .array
        case 0x22: return .string
        case 0x2d, 0x30...0x39: return .number
        case 0x74, 0x66: return .boolean
        case 0x6e: return .null
        default: throw .malformed
        }
    }

    private mutating func value(at steps: ArraySlice<JSONPath.Step>, depth: Int) throws(Fault) -> Range<Int>? {
        let start = offset
        guard let step = steps.first else {
            try skipValue(depth: depth)
            return start..<offset
        }
        let rest = steps.dropFirst()
        var found: Range<Int>?
        switch (try kind(), step) {
        case (.object, .member(let name)):
            try members(depth: depth) { (scanner, key) throws(Fault) in
                if try scanner.spells(key, name) {
                    found = try scanner.value(at: rest, depth: depth + 1)
                } else {
                    try scanner.skipValue(depth: depth + 1)
                }
            }
        case (.array, .element(let wanted)):
            try elements(depth: depth) { (scanner, index) throws(Fault) in
                if index == wanted {
                    found = try scanner.value(at: rest, depth: depth + 1)
                } else {
                    try scanner.skipValue(depth: depth + 1)
                }
            }
        default:
            try skipValue(depth: depth)
        }
        return found
    }

    mutating func skipValue(depth: Int) throws(Fault) {
        switch try kind() {
        case .object:
            try members(depth: depth) { (scanner, _) throws(Fault) in try scanner.skipValue(depth: depth + 1) }
        case .array:
            try elements(depth: depth) { (scanner, _) throws(Fault) in try scanner.skipValue(depth: depth + 1) }
        case .string: _ = try string()
        case .number: _ = try numberText()
        case .boolean: _ = try boolean()
        case .null: try word("null")
        }
    }

    /// Calls `body` at each member's value, which `body` must consume. The range is that of the name, including its quotes.
    mutating func members(
        depth: Int, _ body: (inout JSONScanner, Range<Int>) throws(Fault) -> Void
    ) throws(Fault) {
        try sequence(depth: depth, closing: 0x7d) { (scanner, _) throws(Fault) in
            guard scanner.peek == 0x22 else { throw .malformed }
            let name = try scanner.string()
            scanner.skipSpace()
            guard scanner.take(0x3a) else { throw .malformed }
            scanner.skipSpace()
            try body(&scanner, name)
        }
    }

    /// Calls `body` at each element, which `body` must consume.
    mutating func elements(
        depth: Int, _ body: (inout JSONScanner, Int) throws(Fault) -> Void
    ) throws(Fault) {
        try sequence(depth: depth, closing: 0x5d, body)
    }

    private mutating func sequence(
        depth: Int, closing: UInt8, _ item: (inout JSONScanner, Int) throws(Fault) -> Void
    ) throws(Fault) {
        guard depth < Self.depthMax else { throw .tooDeep }
        offset += 1
        skipSpace()
        if take(closing) { return }
        var index = 0
        while true {
            try item(&self, index)
            index += 1
            skipSpace()
            if take(closing) { return }
            guard take(0x2c) else { throw .malformed }
            skipSpace()
        }
    }

    // MARK: Scalars

    /// The range of a string, including its quotes.
    mutating func string() throws(Fault) -> Range<Int> {
        let start = offset
        offset += 1
        var needsDecoding = false
        while let byte = peek {
            offset += 1
            switch byte {
            case 0x22:
                if needsDecoding, Self.text(bytes, start..<offset) == nil { throw .malformed }
                return start..<offset
            case 0x5c:
                needsDecoding = true
                // The next byte is escaped and does not end the string.
                offset += 1
            case 0..<0x20: throw .malformed
            case 0x80...: needsDecoding = true
            default: break
            }
        }
        throw .malformed
    }

    /// A number too large for a double becomes infinite.
    mutating func number() throws(Fault) -> Double {
        let range = try numberText()
        guard let number = Double(String(decoding: bytes[range], as: UTF8.self)) else { throw .malformed }
        return number
    }

    /// `-? (0 | [1-9] digit*) (. digit+)? ([eE] [+-]? digit+)?`
    private mutating func numberText() throws(Fault) -> Range<Int> {
        let start = offset
        _ = take(0x2d)
        let whole = offset
        try digits()
        if bytes[whole] == 0x30, offset > whole + 1 { throw .malformed }
        if take(0x2e) { try digits() }
        if peek == 0x65 || peek == 0x45 {
            offset += 1
            if peek == 0x2b || peek == 0x2d { offset += 1 }
            try digits()
        }
        return start..<offset
    }

    private mutating func digits() throws(Fault) {
        let start = offset
        while let byte = peek, (0x30...0x39).contains(byte) { offset += 1 }
        if offset == start { throw .malformed }
    }

    mutating func boolean() throws(Fault) -> Bool {
        let isTrue = peek == 0x74
        try word(isTrue ? "true" : "false")
        return isTrue
    }

    mutating func word(_ word: StaticString) throws(Fault) {
        let count = word.utf8CodeUnitCount
        guard offset + count <= bytes.count,
            (0..<count).allSatisfy({ bytes[offset + $0] == word.utf8Start[$0] })
        else { throw .malformed }
        offset += count
    }

    // MARK: Bytes

    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        offset += 1
        return true
    }

    mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
            offset += 1
        }
    }

    private func spells(_ key: Range<Int>, _ name: String) throws(Fault) -> Bool {
        let inner = bytes[key.dropFirst().dropLast()]
        if !inner.contains(0x5c) { return inner.elementsEqual(name.utf8) }
        return Self.text(bytes, key)?.utf8.elementsEqual(name.utf8) == true
    }
}

/// Reads the XML answers of stores: elements and their texts. Attributes, comments and instructions are skipped; a document type
/// is refused, because it can define entities. It is bounded by the bytes that it gets, and by `maximumDepth`.
struct XMLScanner {
    enum Piece: Hashable, Sendable {
        case open(String)
        case text(String)
        case close(String)
    }

    enum Fault: Error, Hashable {
        case malformed(byte: Int)
    }

    static let maximumDepth = 32
    static let entities: [String: String] = ["lt": "<", "gt": ">", "amp": "&", "quot": "\"", "apos": "'"]

    private let bytes: [UInt8]
    private var position = 0
    private var names: [String] = []
    private var closing: String?

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// - Returns: nil at the end of a whole document.
    mutating func next() throws(Fault) -> Piece? {
        if let name = closing {
            closing = nil
            names.removeLast()
            return .close(name)
        }
        while position < bytes.count {
            if bytes[position] != UInt8(ascii: "<") {
                let text = try text()
                if names.isEmpty {
                    guard text.allSatisfy(\.isWhitespace) || text == "\u{FEFF}" else { throw fault() }
                    continue
                }
                return .text(text)
            }
            if skip("<?") {
                try pass("?>")
            } else if skip("<!--") {
                try pass("-->")
            } else if skip("<![CDATA[") {
                let start = position
                try pass("]]>")
                guard !names.isEmpty else { throw fault() }
                return .text(String(decoding: bytes[start..<position - 3], as: UTF8.self))
            } else if skip("</") {
                let name = try name()
                skipBlanks()
                guard skip(">"), names.popLast() == name else { throw fault() }
                return .close(name)
            } else {
                position += 1
                return try open()
            }
        }
        guard names.isEmpty else { throw fault() }
        return nil
    }

    private mutating func open() throws(Fault) -> Piece {
        let name = try name()
        guard names.count < Self.maximumDepth else { throw fault() }
        names.append(name)
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: ">"):
                position += 1
                return .open(name)
            case UInt8(ascii: "/"):
                position += 1
                guard skip(">") else { throw fault() }
                closing = name
                return .open(name)
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                let quote = bytes[position]
                guard let end = bytes[(position + 1)...].firstIndex(of: quote) else { throw fault() }
                position = end + 1
            case UInt8(ascii: "<"): throw fault()
            default: position += 1
            }
        }
        throw fault()
    }

    /// The local name: a prefix and its colon are dropped.
    private mutating func name() throws(Fault) -> String {
        let start = position
        while position < bytes.count, Self.isNameByte(bytes[position]) { position += 1 }
        let whole = bytes[start..<position]
        guard !whole.isEmpty else { throw fault() }
        let local = whole.split(separator: UInt8(ascii: ":")).last ?? whole
        return String(decoding: local, as: UTF8.self)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5F: true
        default: byte >= 0x80
        }
    }

    private mutating func text() throws(Fault) -> String {
        var result: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "<") {
            if bytes[position] == UInt8(ascii: "&") {
                result += try entity().utf8
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private mutating func entity() throws(Fault) -> String {
        let start = position + 1
        guard let end = bytes[start...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else { throw fault() }
        let name = String(decoding: bytes[start..<end], as: UTF8.self)
        position = end + 1
        if let known = Self.entities[name] { return known }
        let number =
            name.hasPrefix("#x") ? UInt32(name.dropFirst(2), radix: 16) : UInt32(name.dropFirst(1))
        guard name.hasPrefix("#"), let scalar = number.flatMap(Unicode.Scalar.init) else { throw fault() }
        return String(scalar)
    }

    private mutating func skip(_ text: String) -> Bool {
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }

    private mutating func pass(_ text: String) throws(Fault) {
        while position < bytes.count {
            if skip(text) { return }
            position += 1
        }
        throw fault()
    }

    private mutating func skipBlanks() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private func fault() -> Fault { .malformed(byte: position) }
}

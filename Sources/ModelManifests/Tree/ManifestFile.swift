/// One file of a commit or of a folder, or an obstacle in the place of one.
package struct ManifestFile: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case text(String)
        case obstacle(Obstacle)
    }

    /// The blob's id: the same id means the same bytes, and nothing is parsed again.
    package var blob: String
    package var content: Content

    package init(blob: String, text: String) { (self.blob, content) = (blob, .text(text)) }

    package init(blob: String, obstacle: Obstacle) { (self.blob, content) = (blob, .obstacle(obstacle)) }

    /// The one place where bytes become text, for git and for folders on disk.
    package init(blob: String, bytes: [UInt8]) {
        self.blob = blob
        if bytes.count > ManifestReader.fileLimitBytes {
            content = .obstacle(.tooLarge(bytes: bytes.count))
        } else if let obstacle = TextEncoding.obstacle(in: bytes) {
            content = .obstacle(obstacle)
        } else {
            content = .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    package var text: String? { if case .text(let text) = content { text } else { nil } }
    package var obstacle: Obstacle? { if case .obstacle(let obstacle) = content { obstacle } else { nil } }
}

/// Finds bytes that are not UTF-8 text.
private enum TextEncoding {
    /// git-crypt replaces a file by bytes that begin with this.
    private static let gitCrypt: [UInt8] = [0] + Array("GITCRYPT".utf8)

    static func obstacle(in bytes: [UInt8]) -> Obstacle? {
        func other(_ message: String, _ suggestion: String, isOurs: Bool) -> Obstacle {
            Obstacle(
                kind: .otherEncoding, message: message, suggestion: suggestion, line: 1, column: 1,
                isMeantForMlctl: isOurs)
        }
        if bytes.starts(with: gitCrypt) {
            return other("is encrypted with git-crypt", "keep manifests out of git-crypt", isOurs: false)
        }
        if let text = utf16(bytes) {
            return other("is UTF-16 text", "save the file as UTF-8", isOurs: ManifestReader.isMeantForMlctl(text))
        }
        guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
        let place = InvalidUTF8.place(in: bytes)
        return Obstacle(
            kind: .otherEncoding, message: "is not UTF-8 text", suggestion: "save the file as UTF-8", line: place.line,
            column: place.column,
            isMeantForMlctl: ManifestReader.isMeantForMlctl(String(decoding: bytes, as: UTF8.self)))
    }

    /// UTF-16 with a byte order mark, or ASCII characters in UTF-16.
    private static func utf16(_ bytes: [UInt8]) -> String? {
        guard bytes.count >= 2 else { return nil }
        let isLittle: Bool
        switch (bytes[0], bytes[1]) {
        case (0xFF, 0xFE): isLittle = true
        case (0xFE, 0xFF): isLittle = false
        case (0, 1...0x7F): isLittle = false
        case (1...0x7F, 0): isLittle = true
        default: return nil
        }
        let units = stride(from: 0, to: bytes.count - 1, by: 2).map { index in
            isLittle
                ? UInt16(bytes[index]) | UInt16(bytes[index + 1]) << 8
                : UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
        }
        return String(decoding: units, as: UTF16.self)
    }
}

/// Finds the first byte that is not UTF-8.
private enum InvalidUTF8 {
    static func place(in bytes: [UInt8]) -> SourcePlace {
        var decoder = UTF8()
        var input = bytes.makeIterator()
        var line = 1
        var column = 1
        while case .scalarValue(let scalar) = decoder.decode(&input) {
            column = scalar == "\n" ? 1 : column + 1
            line += scalar == "\n" ? 1 : 0
        }
        return SourcePlace(line: line, column: column)
    }
}

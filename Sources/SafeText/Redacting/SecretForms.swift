/// What is looked for of secrets: each as it is, in hex and in base64. Escapes are undone in the text instead (`UnescapedView`).
struct SecretForms {
    /// Shorter secrets are not searched for: they occur in any text.
    static let fewestBytes = 4
    /// The least length of an encoded form, such as the base64 characters that do not depend on the bytes around the secret.
    static let fewestEncodedBytes = 6
    /// The least length of a line that is searched for by itself, in a secret of several lines.
    static let fewestLineBytes = 8

    private(set) var patterns: Set<[UInt8]> = []

    /// - Parameter limit: the most bytes of all patterns together. Secrets beyond it are searched for literally, in no other
    ///   form.
    init(of secrets: some Sequence<String>, limit: Int) {
        var bytes = 0
        for secret in Set(secrets) {
            let whole = Array(secret.utf8)
            // Whoever reads a secret from a file may or may not take the blanks and line ends around it along.
            let bare = Self.trimmed(whole[...])
            guard bare.count >= Self.fewestBytes else { continue }
            patterns.formUnion([whole, bare])
            bytes += whole.count + bare.count
            guard bytes < limit else { continue }
            let others = Self.encoded(bare) + Self.lines(of: bare).flatMap { [$0] + Self.encoded($0) }
            patterns.formUnion(others)
            bytes += others.reduce(0) { $0 + $1.count }
        }
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return [] }
        return Array(bytes[first...last])
    }

    private static func lines(of secret: [UInt8]) -> [[UInt8]] {
        let lines = secret.split { $0 == 0x0A || $0 == 0x0D }.map(trimmed)
        return lines.count > 1 ? lines.filter { $0.count >= fewestLineBytes } : []
    }

    private static func encoded(_ bytes: [UInt8]) -> [[UInt8]] {
        var forms: [[UInt8]] = []
        for offset in 0..<3 {
            for alphabet in [Base64.standard, Base64.urlSafe] {
                forms.append(Base64.core(of: bytes, after: offset, alphabet))
            }
        }
        for digits in ["0123456789ABCDEF", "0123456789abcdef"] {
            let digits = Array(digits.utf8)
            forms.append(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] })
        }
        return forms.filter { $0.count >= max(fewestEncodedBytes, min(bytes.count, fewestLineBytes)) }
    }
}

/// Base64 (RFC 4648) of bytes that are encoded together with others before and after them.
enum Base64 {
    static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The characters that depend on these bytes only.
    ///
    /// - Parameter offset: the number of bytes before them, modulo 3.
    static func core(of bytes: [UInt8], after offset: Int, _ alphabet: [UInt8]) -> [UInt8] {
        let first = (offset * 8 + 5) / 6
        let end = (offset + bytes.count) * 8 / 6
        guard first < end else { return [] }
        return (first..<end).map { index in
            var value = 0
            for bit in index * 6..<index * 6 + 6 {
                let place = bit - offset * 8
                value = value << 1 | Int(bytes[place / 8] >> (7 - place % 8) & 1)
            }
            return alphabet[value]
        }
    }
}

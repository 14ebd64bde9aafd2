/// The forms in which a secret may appear in a text.
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
            let literal = Array(secret.utf8)
            guard literal.count >= Self.fewestBytes else { continue }
            insert(literal)
            bytes += literal.count
            guard bytes < limit else { continue }
            let others = Self.encoded(literal) + Self.lines(of: secret).flatMap { [$0] + Self.encoded($0) }
            for other in others { insert(other) }
            bytes += others.reduce(0) { $0 + $1.count }
        }
    }

    private mutating func insert(_ pattern: [UInt8]) { patterns.insert(pattern) }

    private static func lines(of secret: String) -> [[UInt8]] {
        let lines = secret.utf8.split { $0 == 0x0A || $0 == 0x0D }.map(Array.init)
        return lines.count > 1 ? lines.filter { $0.count >= fewestLineBytes } : []
    }

    private static func encoded(_ bytes: [UInt8]) -> [[UInt8]] {
        var forms: [[UInt8]] = []
        for keeping in ["", "/", "!'()*", "!'()*/:@$&+,;="] {
            for isUpper in [true, false] {
                forms.append(Escape.percentEncoded(bytes, keeping: Array(keeping.utf8), isUpper: isUpper, plus: false))
                forms.append(Escape.percentEncoded(bytes, keeping: Array(keeping.utf8), isUpper: isUpper, plus: true))
            }
        }
        for offset in 0..<3 {
            for alphabet in [Base64.standard, Base64.urlSafe] {
                forms.append(Base64.core(of: bytes, after: offset, alphabet))
            }
        }
        for style in JSONStyle.all { forms.append(style.escaped(bytes)) }
        for isUpper in [true, false] { forms.append(bytes.flatMap { Hex.digits(of: $0, isUpper: isUpper) }) }
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

/// The differences between JSON encoders: whether they escape slashes, non-ASCII characters and markup.
private struct JSONStyle {
    var escapesSlash: Bool
    var escapesUnicode: Bool
    /// `<`, `>` and `&`, as Go does.
    var escapesMarkup: Bool
    var isUpper: Bool

    static let all = [false, true].flatMap { slash in
        [false, true].flatMap { unicode in
            [false, true].flatMap { markup in
                [false, true].map {
                    JSONStyle(escapesSlash: slash, escapesUnicode: unicode, escapesMarkup: markup, isUpper: $0)
                }
            }
        }
    }

    func escaped(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"", "\\": result += [0x5C, UInt8(scalar.value)]
            case "\n": result += Array("\\n".utf8)
            case "\r": result += Array("\\r".utf8)
            case "\t": result += Array("\\t".utf8)
            case "/" where escapesSlash: result += Array("\\/".utf8)
            case "<" where escapesMarkup, ">" where escapesMarkup, "&" where escapesMarkup: result += units(of: scalar)
            default:
                let isEscaped = scalar.value < 0x20 || scalar.value == 0x7F || escapesUnicode && !scalar.isASCII
                result += isEscaped ? units(of: scalar) : Array(String(scalar).utf8)
            }
        }
        return result
    }

    private func units(of scalar: Unicode.Scalar) -> [UInt8] {
        String(scalar).utf16.flatMap { unit in
            [0x5C, 0x75] + Hex.digits(of: UInt8(unit >> 8), isUpper: isUpper)
                + Hex.digits(of: UInt8(unit & 0xFF), isUpper: isUpper)
        }
    }
}

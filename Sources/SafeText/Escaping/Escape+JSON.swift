extension Escape {
    /// The content of a JSON string (RFC 8259). Also escapes U+2028 and U+2029, which end a line in JavaScript.
    package static func jsonString(_ text: String) -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            case "\r": "\\r"
            case "\t": "\\t"
            default:
                scalar.isControl || scalar.endsLine
                    ? "\\u\(Hex.text(UInt64(scalar.value), digits: 4, isUpper: true))" : nil
            }
        }
    }
}

extension Escape {
    /// A whole JSON document, or a YAML document whose strings are written as JSON. Characters that a terminal would act on can
    /// only stand in its strings, and are written as `\u202E` there. Line ends and tabs between values stay.
    package static func jsonDocument(_ text: String) -> String {
        scalars(of: text) { scalar in
            guard scalar != "\n", scalar != "\t", scalar != "\r" else { return nil }
            guard scalar.isControl || scalar.isInvisible || scalar.endsLine else { return nil }
            return String(scalar).utf16.map { "\\u\(Hex.text(UInt64($0), digits: 4, isUpper: true))" }.joined()
        }
    }

    /// A message in SARIF, where `[text](address)` would become a link.
    package static func sarifMessage(_ text: String) -> String {
        let shown = line(text)
        let pairs = zip(shown.unicodeScalars, shown.unicodeScalars.dropFirst())
        guard pairs.contains(where: { $0 == "]" && $1 == "(" }) else { return shown }
        return scalars(of: shown) { "\\[]".unicodeScalars.contains($0) ? "\\\($0)" : nil }
    }
}

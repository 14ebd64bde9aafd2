extension Escape {
    /// The content of a PromQL string in `"` or in `'`
    /// (https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals). The escapes are those of Go, which
    /// refuses
    /// `\'` in a `"` string and `\"` in a `'` string.
    package static func promQLString(_ text: String, quote: Unicode.Scalar = "\"") -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "\\": "\\\\"
            case quote: "\\\(quote)"
            case "\n": "\\n"
            case "\r": "\\r"
            case "\t": "\\t"
            default:
                scalar.isControl || scalar.endsLine
                    ? "\\u\(Hex.text(UInt64(scalar.value), digits: 4, isUpper: true))" : nil
            }
        }
    }

    /// An RE2 pattern that matches exactly this text, for `=~`, `!~` and the Gateway API.
    package static func regularExpression(_ text: String) -> String {
        scalars(of: text) { scalar in
            if #"\.+*?()|[]{}^$"#.unicodeScalars.contains(scalar) { return "\\\(scalar)" }
            return scalar.isControl || scalar.endsLine
                ? "\\x{\(Hex.text(UInt64(scalar.value), digits: 2, isUpper: true))}" : nil
        }
    }
}

/// A position in a PromQL query; it decides how a value is escaped there.
package enum PromQLPlace: Hashable, Sendable {
    /// In a string in `"` or `'`.
    case string(quote: Unicode.Scalar)
    /// In such a string, after `=~` or `!~`.
    case pattern(quote: Unicode.Scalar)
    /// In a string in backquotes, which has no escapes.
    case rawString
    /// In a string in backquotes after `=~` or `!~`.
    case rawPattern
    case comment
    /// Anywhere else: a part of a name or a number.
    case code

    /// The value, escaped for this position; nil where no escaping makes it safe.
    package func fill(_ value: String) -> String? {
        switch self {
        case .string(let quote): return Escape.promQLString(value, quote: quote)
        case .pattern(let quote): return Escape.promQLString(Escape.regularExpression(value), quote: quote)
        case .rawString: return Self.isRaw(value) ? value : nil
        case .rawPattern: return Self.isRaw(value) ? Escape.regularExpression(value) : nil
        case .comment: return value.unicodeScalars.contains(where: \.endsLine) ? nil : value
        case .code: return Self.isWord(value) ? value : nil
        }
    }

    private static func isRaw(_ value: String) -> Bool {
        !value.unicodeScalars.contains { $0 == "`" || $0.isControl || $0.endsLine }
    }

    /// Letters, digits and `_`, as in the name of a metric.
    private static func isWord(_ value: String) -> Bool {
        !value.isEmpty
            && value.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
                default: false
                }
            }
    }
}

/// Follows a PromQL query while it is put together, and knows in which position the next text stands.
package struct PromQLScanner: Hashable, Sendable {
    private enum State: Hashable { case code, string(Unicode.Scalar, isPattern: Bool), comment }

    private var state = State.code
    private var isEscaped = false
    /// The last two scalars of code, white space left out.
    private var last: [Unicode.Scalar] = []

    package init() {}

    package mutating func read(_ text: some StringProtocol) { for scalar in text.unicodeScalars { read(scalar) } }

    package var place: PromQLPlace {
        switch state {
        case .code: .code
        case .comment: .comment
        case .string("`", let isPattern): isPattern ? .rawPattern : .rawString
        case .string(let quote, let isPattern): isPattern ? .pattern(quote: quote) : .string(quote: quote)
        }
    }

    private mutating func read(_ scalar: Unicode.Scalar) {
        switch state {
        case .comment:
            if scalar == "\n" { state = .code }
        case .string(let quote, _):
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\", quote != "`" {
                isEscaped = true
            } else if scalar == quote {
                state = .code
                last = []
            }
        case .code:
            switch scalar {
            case "#": state = .comment
            case "\"", "'", "`":
                state = .string(scalar, isPattern: last == ["=", "~"] || last == ["!", "~"])
            default:
                if !scalar.properties.isWhitespace { last = last.suffix(1) + [scalar] }
            }
        }
    }
}

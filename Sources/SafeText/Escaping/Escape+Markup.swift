extension Escape {
    /// Text or an attribute value in XML 1.0 (JUnit). Characters that XML does not allow become U+FFFD. Line ends and tabs become
    /// references, because an XML parser replaces them by blanks in attribute values.
    package static func xml(_ text: String) -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case "'": "&apos;"
            case "\n", "\r", "\t": "&#\(scalar.value);"
            default:
                if scalar.value < 0x20 || (0xFFFE...0xFFFF).contains(scalar.value) {
                    "\u{FFFD}"
                } else if scalar.isControl || scalar.endsLine || scalar.isInvisible {
                    "&#\(scalar.value);"
                } else {
                    nil
                }
            }
        }
    }
}

extension Escape {
    static let labelBytes = 63

    /// A label value: letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, at most 63 bytes. Other characters
    /// become `_`, so two texts may have the same value.
    package static func labelValue(_ text: String) -> String {
        var kept: [UInt8] = []
        for scalar in text.unicodeScalars {
            guard kept.count < labelBytes else { break }
            let byte = scalar.isASCII ? UInt8(scalar.value) : 0
            let isAllowed = isAlphanumeric(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
            if kept.isEmpty, !isAlphanumeric(byte) { continue }
            kept.append(isAllowed ? byte : 0x5F)
        }
        while let last = kept.last, !isAlphanumeric(last) { kept.removeLast() }
        return String(decoding: kept, as: UTF8.self)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}

extension Escape {
    /// A label value in the Prometheus text format, which has three escapes and no others
    /// (https://prometheus.io/docs/instrumenting/exposition_formats/). The format allows other control characters; they are
    /// written as `\\u{…}` anyway, so that the page stays readable text.
    package static func expositionLabel(_ text: String) -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "\\": "\\\\"
            case "\"": "\\\""
            case "\n": "\\n"
            default:
                scalar.isControl || scalar.endsLine
                    ? "\\\\u{\(Hex.text(UInt64(scalar.value), digits: 2, isUpper: true))}" : nil
            }
        }
    }

    /// The text after `# HELP name`.
    package static func expositionHelp(_ text: String) -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "\\": "\\\\"
            case "\n": "\\n"
            default: scalar.isControl || scalar.endsLine ? " " : nil
            }
        }
    }
}

extension Escape {
    /// Text or an attribute value in XML 1.0 (JUnit). Characters that XML does not allow become U+FFFD. Line ends and tabs become
    /// references, because an XML parser replaces them by blanks in attribute values.
    public static func xml(_ text: String) -> String {
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

    /// Text or an attribute value in HTML. HTML has no references for control characters; they become U+FFFD.
    public static func html(_ text: String) -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case "'": "&#39;"
            case "\n", "\t": nil
            default: scalar.isControl ? "\u{FFFD}" : scalar.isInvisible ? "&#\(scalar.value);" : nil
            }
        }
    }
}

extension Escape {
    /// Text or an attribute's value of XML 1.0 (JUnit). What no XML document may hold becomes U+FFFD; line ends and tabs
    /// are references, for an attribute's would become blanks.
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
}

extension Escape {
    /// A label's value in Prometheus' text format: it has three escapes, and no others
    /// (https://prometheus.io/docs/instrumenting/exposition_formats/). Other controls are allowed there; they are shown in
    /// words all the same, so that a page is text.
    public static func expositionLabel(_ text: String) -> String {
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
    public static func expositionHelp(_ text: String) -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "\\": "\\\\"
            case "\n": "\\n"
            default: scalar.isControl || scalar.endsLine ? " " : nil
            }
        }
    }
}

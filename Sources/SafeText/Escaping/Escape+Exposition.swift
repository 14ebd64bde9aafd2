extension Escape {
    /// A label value in the Prometheus text format, which has three escapes and no others
    /// (https://prometheus.io/docs/instrumenting/exposition_formats/). The format allows other control characters; they are
    /// written as `\\u{…}` anyway, so that the page stays readable text.
    public static func expositionLabel(_ text: String) -> String {
        scalars(of: text) { scalar in
            switch scalar {
            case "\\": "\\\\"
            case "\"": "\\\""
            case "\n": "\\n"
            default: scalar.isControl || scalar.endsLine ? "\\\\u{\(hex(scalar.value, digits: 2))}" : nil
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

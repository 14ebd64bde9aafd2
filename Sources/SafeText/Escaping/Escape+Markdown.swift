extension Escape {
    /// Text for Markdown (CommonMark with GitHub's tables): on one line, without links, mentions, images or HTML.
    package static func markdown(_ text: String) -> String {
        var escaped = ""
        for scalar in line(text).unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            // A zero-width word joiner keeps a mention from telling anybody, and an address from becoming a link.
            case "@": escaped += "@\u{2060}"
            case ":" where escaped.hasSuffix("http") || escaped.hasSuffix("https"): escaped += ":\u{2060}"
            case "\\", "`", "*", "_", "[", "]", "|", "#", "~", "!", "$":
                escaped += "\\"
                escaped.unicodeScalars.append(scalar)
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Text between two backticks in a cell of a table.
    package static func markdownCode(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                line(text).unicodeScalars.compactMap { scalar in
                    scalar == "`" ? nil : scalar == "|" ? "¦" : scalar
                }))
    }
}

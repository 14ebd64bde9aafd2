extension Escape {
    /// One line for a terminal or a log. A character that would move the cursor, end the line or change the text direction is
    /// written as `\n`, `\u{1B}` or `\u{202E}`.
    package static func line(_ text: String) -> String { scalars(of: text) { visible($0) } }

    /// Several lines for a terminal: as `line`, except that LF ends a line, CR LF is read as LF, and tabs stay.
    package static func lines(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.isControl || $0.isInvisible }) else { return text }
        var shown = String.UnicodeScalarView()
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            let isEndOfLine = scalar == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
            if isEndOfLine { continue }
            if scalar == "\n" || scalar == "\t" {
                shown.append(scalar)
            } else {
                shown += (visible(scalar) ?? String(scalar)).unicodeScalars
            }
        }
        return String(shown)
    }

    /// A value in a log line. It is quoted where a blank, a quote or an equals sign would make it look like several values.
    package static func logValue(_ text: String) -> String {
        let needsQuotes =
            text.isEmpty || text.unicodeScalars.contains { $0 == " " || $0 == "\"" || $0 == "=" || visible($0) != nil }
        guard needsQuotes else { return text }
        return "\""
            + scalars(of: text) { scalar in
                switch scalar {
                case "\"": "\\\""
                case "\\": "\\\\"
                default: visible(scalar)
                }
            } + "\""
    }

    /// Nil for a scalar that can be shown as it is.
    private static func visible(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default:
            scalar.isControl || scalar.isInvisible
                ? "\\u{\(Hex.text(UInt64(scalar.value), digits: 2, isUpper: true))}" : nil
        }
    }
}

extension Escape {
    /// A table cell: line ends and tabs become blanks, other characters that a terminal would act on become U+FFFD.
    package static func cell(_ text: String) -> String {
        scalars(of: text) { scalar in
            if scalar == "\t" || scalar.endsLine { return " " }
            return scalar.isControl || scalar.isInvisible ? "\u{FFFD}" : nil
        }
    }

    /// As `line`, but keeps mlctl's own colours: ESC, `[`, one of `styles`, `m`.
    package static func styledLine(_ text: String, styles: Set<String>) -> String {
        guard text.unicodeScalars.contains("\u{1B}") else { return line(text) }
        var shown = ""
        var rest = text.unicodeScalars[...]
        while let start = rest.firstIndex(of: "\u{1B}") {
            shown += line(String(rest[..<start]))
            let tail = rest[rest.index(after: start)...]
            if let end = tail.prefix(maximumStyleLength).firstIndex(of: "m"), tail.first == "[",
                styles.contains(String(tail[tail.index(after: tail.startIndex)..<end]))
            {
                shown.unicodeScalars += rest[start...end]
                rest = rest[rest.index(after: end)...]
            } else {
                shown += line("\u{1B}")
                rest = tail
            }
        }
        return shown + line(String(rest))
    }

    private static let maximumStyleLength = 6
}

import SafeText

/// The output area: its width, and whether it has colours.
package struct Canvas: Hashable, Sendable {
    /// In columns; nil means unlimited (a file or a pipe).
    package var width: Int?
    package var hasColour: Bool

    package init(width: Int? = nil, hasColour: Bool = false) {
        self.width = width
        self.hasColour = hasColour
    }

    package func paint(_ text: String, _ tone: Tone) -> String {
        guard hasColour, let code = tone.code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }

    /// Cuts the text to the width, with an ellipsis.
    package func fitted(_ text: String) -> String {
        width.map { text.cut(toColumns: $0) } ?? text
    }

    /// Wraps the text between words, where it must be readable completely.
    package func wrapped(_ text: String) -> [String] {
        guard let width, text.columns > width else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            let candidate = line.isEmpty ? String(word) : "\(line) \(word)"
            if candidate.columns <= width {
                line = candidate
            } else {
                if !line.isEmpty { lines.append(line) }
                line = String(word).cut(toColumns: width)
            }
        }
        return lines + [line]
    }
}

/// The meaning of a piece of text, which decides its colour.
package enum Tone: Hashable, Sendable, CaseIterable {
    case plain, heading, faint, active, good, warning, bad

    /// The codes of all tones and of the reset.
    package static let codes = Set(allCases.compactMap(\.code) + ["0"])

    /// ECMA-48 "select graphic rendition".
    fileprivate var code: String? {
        switch self {
        case .plain: nil
        case .heading: "1"
        case .faint: "2"
        case .active: "36"
        case .good: "32"
        case .warning: "33"
        case .bad: "31"
        }
    }
}

extension String {
    /// Without characters that a terminal would act on: messages and log lines come from model servers.
    package var printable: String {
        Escape.cell(self)
    }

    /// The width on a terminal, in columns.
    package var columns: Int { reduce(0) { $0 + $1.columns } }

    package func cut(toColumns limit: Int) -> String {
        guard columns > limit else { return self }
        var text = ""
        var used = 0
        for character in self {
            guard used + character.columns < limit else { break }
            text.append(character)
            used += character.columns
        }
        return limit > 0 ? text + "…" : ""
    }
}

extension Character {
    /// Two columns for the wide blocks of Unicode's East Asian Width (UAX #11), otherwise one.
    fileprivate var columns: Int {
        switch unicodeScalars.first?.value ?? 0 {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}

/// Redraws lines in place. The cursor stays visible below the last line, so that the terminal is intact after an interruption
/// (Ctrl-C) at any moment.
package struct LiveScreen {
    private static let eraseToEndOfLine = "\u{1B}[K"
    private static let eraseBelow = "\u{1B}[J"

    private var drawn = 0

    package init() {}

    /// - Parameter height: the height of the terminal. Lines that do not fit are counted instead of shown.
    package mutating func redraw(_ lines: [String], height: Int?) -> String {
        var visible = lines
        if let height, height > 1, lines.count > height - 1 {
            visible = lines.prefix(height - 2) + ["… \(lines.count - (height - 2)) more lines"]
        }
        let up = drawn > 0 ? "\u{1B}[\(drawn)A\r" : ""
        drawn = visible.count
        return up + visible.map { Escape.styledLine($0, styles: Tone.codes) + Self.eraseToEndOfLine + "\n" }.joined()
            + Self.eraseBelow
    }
}

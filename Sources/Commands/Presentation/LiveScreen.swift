import SafeText

/// Redraws lines in place. The cursor stays visible below the last line, so that the terminal is intact after an interruption
/// (Ctrl-C) at any moment.
struct LiveScreen {
    private static let eraseToEndOfLine = "\u{1B}[K"
    private static let eraseBelow = "\u{1B}[J"

    private var drawn = 0

    /// - Parameter height: the height of the terminal. Lines that do not fit are counted instead of shown.
    mutating func redraw(_ lines: [String], height: Int?) -> String {
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

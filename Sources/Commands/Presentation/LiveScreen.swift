import SafeText

/// Redraws lines in place. The cursor stays visible and below the last line, so that leaving at any moment (Ctrl-C)
/// leaves a terminal as it should be.
struct LiveScreen {
    private static let eraseToEndOfLine = "\u{1B}[K"
    private static let eraseBelow = "\u{1B}[J"

    private var drawn = 0

    /// - Parameter height: of the terminal; what does not fit is left out, and said.
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

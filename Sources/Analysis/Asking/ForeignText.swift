extension String {
    /// External text for use in a reason: on one line, without control characters, and short, so that the evidence
    /// stays small and a terminal shows it safely.
    ///
    /// - Parameter limit: the number of Unicode scalars to keep, from the end if `keepsEnd` is set.
    func quoted(upTo limit: Int = 200, keepsEnd: Bool = false) -> String {
        let isCut = unicodeScalars.count > limit
        var kept = String.UnicodeScalarView()
        for scalar in keepsEnd ? unicodeScalars.suffix(limit) : unicodeScalars.prefix(limit) {
            let isControl = scalar.properties.generalCategory == .control
            kept.append(isControl && !Character(scalar).isNewline ? " " : scalar)
        }
        let line = String(kept).split(whereSeparator: \.isNewline).joined(separator: " | ")
        return keepsEnd ? (isCut ? "…" : "") + line : line + (isCut ? "…" : "")
    }
}

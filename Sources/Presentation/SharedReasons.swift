/// Reasons that several texts of a screen end with. The texts refer to such a reason by its number, and the screen shows each
/// reason completely, once, below them.
package struct SharedReasons {
    /// Shorter reasons are repeated in every text.
    package static let fewestColumns = 40

    /// In the order of their numbers, which start at 1.
    private let reasons: [String]

    /// - Parameter texts: all texts of the screen, in its order. A text has the form `WHAT: REASON`.
    package init(of texts: [String]) {
        let counts = Dictionary(texts.flatMap(Self.endings).map { ($0, 1) }, uniquingKeysWith: +)
        let candidates = Set(counts.filter { $0.value > 1 }.keys).subtracting(texts)
        let longestFirst = candidates.sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
        var open = texts
        var shared: [String] = []
        for reason in longestFirst {
            let rest = open.filter { !$0.hasSuffix(": \(reason)") }
            guard open.count - rest.count > 1 else { continue }
            shared.append(reason)
            open = rest
        }
        reasons = shared.sorted { Self.place(of: $0, in: texts) < Self.place(of: $1, in: texts) }
    }

    /// The text with the number of its reason in place of a shared reason: `gate errors failed [1]`.
    package func shortened(_ text: String) -> String {
        guard let index = reasons.firstIndex(where: { text.hasSuffix(": \($0)") }) else { return text }
        return "\(text.dropLast(reasons[index].count + 2)) [\(index + 1)]"
    }

    /// The shared reasons with their numbers, wrapped and indented; empty where no reason is shared.
    package func lines(on canvas: Canvas, indent: Int) -> [String] {
        var rows = Rows(canvas, labelColumns: "[\(reasons.count)]".count + 1, indent: indent)
        for (index, reason) in reasons.enumerated() { rows.add("[\(index + 1)]", reason) }
        return rows.lines
    }

    /// What follows each `: ` of a text, if it is long enough.
    private static func endings(of text: String) -> [String] {
        text.ranges(of: ": ").map { String(text[$0.upperBound...]) }.filter { $0.columns >= fewestColumns }
    }

    private static func place(of reason: String, in texts: [String]) -> Int {
        texts.firstIndex { $0.hasSuffix(": \(reason)") } ?? texts.count
    }
}

/// Reasons that another part of the screen shows completely.
package struct ShownReasons {
    private let reasons: [String]

    package init(_ reasons: [String]) { self.reasons = reasons.filter { !$0.isEmpty } }

    /// The text without a reason that is shown elsewhere: `gate errors failed`.
    package func shortened(_ text: String) -> String {
        let reason = reasons.filter { text.hasSuffix(": \($0)") }.max { $0.utf8.count < $1.utf8.count }
        return reason.map { String(text.dropLast($0.count + 2)) } ?? text
    }
}

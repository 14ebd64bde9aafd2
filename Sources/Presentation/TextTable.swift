/// A table with aligned columns. Where the canvas is too narrow, the last column is cut first, then the widest columns.
package struct TextTable: Sendable {
    package struct Cell: Hashable, Sendable, ExpressibleByStringInterpolation {
        package var text: String
        package var tone: Tone

        package init(_ text: String, _ tone: Tone = .plain) {
            self.text = text.printable
            self.tone = tone
        }

        package init(stringLiteral text: String) { self.init(text) }

        /// An empty cell.
        package static let none = Cell("-", .faint)
    }

    private static let gap = 2
    private static let narrowest = 8

    package let header: [String]
    package private(set) var rows: [[Cell]] = []
    private let indent: Int

    package init(_ header: [String], indent: Int = 0) {
        self.header = header
        self.indent = indent
    }

    package mutating func add(_ row: [Cell]) { rows.append(row) }

    package func lines(on canvas: Canvas) -> [String] {
        let widths = fittedWidths(to: canvas.width)
        let head = line(header.map { Cell($0, .faint) }, widths, canvas)
        return [head] + rows.map { line($0, widths, canvas) }
    }

    private func fittedWidths(to limit: Int?) -> [Int] {
        var widths = header.map(\.columns)
        for row in rows {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.text.columns) }
        }
        guard let limit, let last = widths.indices.last else { return widths }
        var excess = indent + widths.reduce(0, +) + Self.gap * (widths.count - 1) - limit
        for index in [last] + widths.indices.dropLast().sorted(by: { widths[$0] > widths[$1] }) where excess > 0 {
            let spare = max(0, min(excess, widths[index] - max(Self.narrowest, header[index].columns)))
            widths[index] -= spare
            excess -= spare
        }
        return widths
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ canvas: Canvas) -> String {
        var line = String(repeating: " ", count: indent)
        var blanks = 0
        var used = indent
        for (cell, width) in zip(cells, widths) {
            let room = canvas.width.map { max(0, min(width, $0 - used - blanks)) } ?? width
            let text = cell.text.cut(toColumns: room)
            if !text.isEmpty {
                line += String(repeating: " ", count: blanks) + canvas.paint(text, cell.tone)
                used += blanks + text.columns
                blanks = 0
            }
            blanks += width - text.columns + Self.gap
        }
        return line
    }
}

/// A text with placeholders: `lag{revision="{{revision}}"}`.
package struct QueryTemplate: Hashable, Sendable {
    private enum Piece: Hashable {
        case text(Substring)
        /// The name, and the placeholder as written, with its braces.
        case placeholder(String, written: Substring)
    }

    package var text: String

    package init(_ text: String) { self.text = text }

    /// The names of the placeholders, in order, without spaces at the ends.
    package var placeholders: [String] {
        pieces.compactMap { if case .placeholder(let name, _) = $0 { name } else { nil } }
    }

    /// Fills in the placeholders. Values are not searched for placeholders again.
    ///
    /// - Parameters:
    ///   - value: the value of a placeholder, escaped for its place; nil leaves the placeholder as written.
    ///   - reading: called with each piece of the result, in order, before the next placeholder is asked for.
    package func filled<Failure>(
        _ value: (String) throws(Failure) -> String?, reading: (String) -> Void = { _ in }
    ) throws(Failure) -> String {
        var filled = ""
        for piece in pieces {
            let next =
                switch piece {
                case .text(let text): String(text)
                case .placeholder(let name, let written): try value(name) ?? String(written)
                }
            reading(next)
            filled += next
        }
        return filled
    }

    private var pieces: [Piece] {
        var pieces: [Piece] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "{{"), let end = rest[start.upperBound...].firstRange(of: "}}") {
            let inner = rest[start.upperBound..<end.lowerBound].split(whereSeparator: \.isWhitespace)
            pieces.append(.text(rest[..<start.lowerBound]))
            pieces.append(
                .placeholder(inner.joined(separator: " "), written: rest[start.lowerBound..<end.upperBound]))
            rest = rest[end.upperBound...]
        }
        return pieces + [.text(rest)]
    }
}

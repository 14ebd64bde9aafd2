/// A text with places to be filled in: `lag{revision="{{revision}}"}`.
public struct QueryTemplate: Hashable, Sendable {
    private enum Piece: Hashable {
        case text(Substring)
        /// With the braces, as it is written.
        case placeholder(String, written: Substring)
    }

    public var text: String

    public init(_ text: String) { self.text = text }

    /// What stands between braces, in order, without spaces at the ends.
    public var placeholders: [String] {
        pieces.compactMap { if case .placeholder(let name, _) = $0 { name } else { nil } }
    }

    /// What is filled in is not looked at again.
    ///
    /// - Parameter value: of a placeholder; nil leaves it as it is written.
    public func filled<Failure>(_ value: (String) throws(Failure) -> String?) throws(Failure) -> String {
        var filled = ""
        for piece in pieces {
            switch piece {
            case .text(let text): filled += text
            case .placeholder(let name, let written): filled += try value(name) ?? String(written)
            }
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

/// A text as it reads once one way of escaping is undone, with a search of its own.
///
/// Where nothing is escaped it reads as the text itself does, and costs nothing: it goes along with the text's own search.
struct UnescapedView: Sendable {
    private var escapes: EscapeReader
    /// Of the search.
    private var state: Int32 = 0
    /// It reads other bytes than the text's own: something is escaped, or may be.
    private var isApart = false
    /// Where it came apart: what the search has seen before that stands there byte by byte.
    private var apartFrom = 0
    /// Where each byte since then was written, as far back as the search looks.
    private var starts: [Int] = []
    private var lastEscapeEnd = 0

    private static let roomForStarts = 4096

    init(_ style: EscapeReader.Style) { escapes = EscapeReader(style) }

    /// - Parameters:
    ///   - before: the state of the text's own search before this byte.
    ///   - after: its state with this byte.
    ///   - mark: is told where a secret stands in the text.
    mutating func take(
        _ byte: UInt8, at place: Int, before: Int32, after: Int32, _ search: PatternSearch, mark: (Range<Int>) -> Void
    ) {
        if !isApart {
            guard escapes.begins(with: byte) else { return }
            isApart = true
            state = before
            apartFrom = place
            starts.removeAll(keepingCapacity: true)
        }
        let apartFrom = self.apartFrom
        var (state, starts, lastEscapeEnd) = (self.state, self.starts, self.lastEscapeEnd)
        self.starts = []  // One owner: no copy.
        escapes.take(byte, at: place) { unescaped in
            state = search.step(state, unescaped.byte)
            starts.append(unescaped.place.lowerBound)
            if unescaped.wasEscaped { lastEscapeEnd = unescaped.place.upperBound }
            let match = search.longestMatch(state)
            if match > 0 { mark(Self.start(ofLast: match, starts, apartFrom)..<unescaped.place.upperBound) }
        }
        (self.state, self.starts, self.lastEscapeEnd) = (state, starts, lastEscapeEnd)
        let depth = search.depth(state)
        if self.starts.count > 2 * depth + Self.roomForStarts { self.starts.removeFirst(self.starts.count - depth) }
        // The same state by the same bytes: from here on both go the same way.
        if escapes.pending.isEmpty, state == after, firstPlace(search) ?? Int.max >= lastEscapeEnd { isApart = false }
    }

    /// The first byte of the text that a match to come may take in; nil where it is the text's own search that says so.
    func firstPlace(_ search: PatternSearch) -> Int? {
        guard isApart else { return nil }
        let depth = search.depth(state)
        if depth > 0 { return Self.start(ofLast: depth, starts, apartFrom) }
        return escapes.pending.isEmpty ? Int.max : escapes.pendingStart
    }

    /// A beginning of a secret that the text ends with, of so many bytes at least; nil where there is none.
    func beginning(ofAtLeast count: Int, _ search: PatternSearch) -> Int? {
        isApart && search.depth(state) >= count ? firstPlace(search) : nil
    }

    private static func start(ofLast count: Int, _ starts: [Int], _ apartFrom: Int) -> Int {
        count <= starts.count ? starts[starts.count - count] : apartFrom - (count - starts.count)
    }
}

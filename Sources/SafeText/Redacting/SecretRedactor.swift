/// Takes secrets out of text: as they are, in hex, and in base64 wherever they begin; with any of their characters
/// percent-encoded, or escaped as JSON does.
///
/// # Guarantees
/// - The cost of a byte does not depend on how many secrets there are, nor on what the text is (Aho and Corasick 1975). A text
///   full of escapes costs up to four times as much as one without.
/// - A secret that comes in pieces is found: what could be its beginning is held back until the next piece.
///
/// # Caveats
/// - Secrets shorter than `SecretForms.fewestBytes` bytes are not searched for: they occur in any text.
/// - Secrets that are compressed, encrypted or encoded twice are not found.
package struct SecretRedactor: Sendable {
    /// Replaces a secret.
    package static let mask = "***"
    /// The limit for all forms of all secrets together.
    static let maximumPatternBytes = 4 << 20

    fileprivate let search: PatternSearch
    /// Ways of escaping that are undone.
    fileprivate let styles: [EscapeReader.Style]

    package init(_ secrets: some Sequence<String>) {
        let secrets = Array(secrets)
        search = PatternSearch(SecretForms(of: secrets, limit: Self.maximumPatternBytes).patterns)
        let hasBlank = secrets.contains { $0.utf8.contains(0x20) }
        styles = search.isEmpty ? [] : [.percent, .backslash] + (hasBlank ? [.form] : [])
    }

    package var isEmpty: Bool { search.isEmpty }

    /// Redacts a whole text at once.
    package func redacted(_ text: String) -> String {
        guard !isEmpty else { return text }
        return String(decoding: redacted(Array(text.utf8)[...]), as: UTF8.self)
    }

    package func redacted(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard !isEmpty else { return Array(bytes) }
        var stream = RedactedStream(self)
        return stream.take(bytes) + stream.finish()
    }
}

/// Redacts text that arrives in pieces.
package struct RedactedStream: Sendable {
    /// At the end of the text, the cut-off beginning of a secret is masked too if it has at least this many bytes.
    static let fewestBytesOfBeginning = 6

    private let search: PatternSearch
    private var views: [UnescapedView]
    private var state: Int32 = 0
    /// Bytes that may still turn out to be part of a secret.
    private var held: [UInt8] = []
    /// Where `held` begins in the whole text.
    private var base = 0
    /// Where secrets stand in the whole text, in order; none touches another.
    private var secrets: [Range<Int>] = []
    /// The first of `secrets` began in bytes that were already released, and its mask was written there.
    private var isWithinSecret = false

    package init(_ redactor: SecretRedactor) {
        search = redactor.search
        views = redactor.styles.map(UnescapedView.init)
    }

    /// - Returns: the bytes that are known to be no part of a secret, in order. The rest is held back.
    package mutating func take(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard !search.isEmpty else { return Array(bytes) }
        held.reserveCapacity(held.count + bytes.count)
        for byte in bytes {
            let place = base + held.count
            let before = state
            held.append(byte)
            state = search.step(state, byte)
            let match = search.longestMatch(state)
            if match > 0 { mark(place + 1 - match..<place + 1) }
            var found: Range<Int>?
            for index in views.indices {
                views[index].take(byte, at: place, before: before, after: state, search) { range in
                    found =
                        found.map { min($0.lowerBound, range.lowerBound)..<max($0.upperBound, range.upperBound) }
                        ?? range
                }
            }
            if let found { mark(found) }
        }
        // A match that is still to come begins no earlier than where one of the states does.
        let own = base + held.count - search.depth(state)
        return release(upTo: views.reduce(own) { min($0, $1.firstPlace(search) ?? own) })
    }

    /// - Returns: the rest. A secret's beginning that is cut off at the end is masked.
    package mutating func finish() -> [UInt8] {
        let end = base + held.count
        let depth = search.depth(state)
        if depth >= Self.fewestBytesOfBeginning { mark(end - depth..<end) }
        for view in views {
            if let start = view.beginning(ofAtLeast: Self.fewestBytesOfBeginning, search) { mark(start..<end) }
        }
        state = 0
        return release(upTo: end)
    }

    private mutating func mark(_ range: Range<Int>) {
        var range = max(base, range.lowerBound)..<range.upperBound
        while let former = secrets.last, former.upperBound > range.lowerBound {
            range = min(range.lowerBound, former.lowerBound)..<max(range.upperBound, former.upperBound)
            secrets.removeLast()
        }
        secrets.append(range)
    }

    private mutating func release(upTo place: Int) -> [UInt8] {
        guard place > base else { return [] }
        var clean: [UInt8] = []
        clean.reserveCapacity(place - base)
        var next = base
        var done = 0
        for secret in secrets {
            guard secret.lowerBound < place else { break }
            if secret.lowerBound > next { clean += held[next - base..<secret.lowerBound - base] }
            if !(isWithinSecret && secret.lowerBound <= base) { clean += SecretRedactor.mask.utf8 }
            next = min(secret.upperBound, place)
            isWithinSecret = secret.upperBound > place
            if secret.upperBound <= place { done += 1 }
        }
        if next < place { clean += held[next - base..<place - base] }
        secrets.removeFirst(done)
        held.removeFirst(place - base)
        base = place
        return clean
    }
}

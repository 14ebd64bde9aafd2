/// Removes secrets from text: in plain form, percent-encoded, JSON-escaped, in hex, and in base64 at any offset.
///
/// # Guarantees
/// - The cost per byte depends neither on the number of secrets nor on the text (Aho and Corasick 1975).
/// - A secret that arrives in pieces is found: bytes that may begin a secret are held back until the next piece.
///
/// # Caveats
/// - Secrets shorter than `SecretForms.fewestBytes` bytes are not searched for: they occur in any text.
/// - Secrets that are compressed, encrypted or encoded twice are not found.
public struct SecretRedactor: Sendable {
    /// Replaces a secret.
    public static let mask = "***"
    /// The limit for all forms of all secrets together.
    static let maximumPatternBytes = 4 << 20

    private let search: PatternSearch

    public init(_ secrets: some Sequence<String>) {
        search = PatternSearch(SecretForms(of: secrets, limit: Self.maximumPatternBytes).patterns)
    }

    public var isEmpty: Bool { search.isEmpty }

    /// Redacts a whole text at once.
    public func redacted(_ text: String) -> String {
        guard !isEmpty else { return text }
        return String(decoding: redacted(Array(text.utf8)[...]), as: UTF8.self)
    }

    public func redacted(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard !isEmpty else { return Array(bytes) }
        var stream = RedactedStream(self)
        return stream.take(bytes) + stream.finish()
    }

    fileprivate func step(_ state: Int32, _ byte: UInt8) -> Int32 { search.step(state, byte) }
    fileprivate func depth(_ state: Int32) -> Int { search.depth(state) }
    fileprivate func longestMatch(_ state: Int32) -> Int { search.longestMatch(state) }
}

/// Redacts text that arrives in pieces.
public struct RedactedStream: Sendable {
    /// At the end of the text, the cut-off beginning of a secret is masked too if it has at least this many bytes.
    static let fewestBytesOfBeginning = 6

    private let redactor: SecretRedactor
    private var state: Int32 = 0
    /// Bytes that may still turn out to be part of a secret.
    private var held: [UInt8] = []
    /// The ranges of `held` that are secrets, in order; they do not touch each other.
    private var secrets: [Range<Int>] = []
    /// The first of `secrets` began in bytes that were already released, and its mask was written there.
    private var isWithinSecret = false

    public init(_ redactor: SecretRedactor) { self.redactor = redactor }

    /// - Returns: the bytes that are known to be no part of a secret, in order. The rest is held back.
    public mutating func take(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard !redactor.isEmpty else { return Array(bytes) }
        held.reserveCapacity(held.count + bytes.count)
        for byte in bytes {
            held.append(byte)
            state = redactor.step(state, byte)
            let match = redactor.longestMatch(state)
            if match > 0 { mark(last: match) }
        }
        // A match that is still to come cannot begin before the current state does.
        return release(held.count - redactor.depth(state))
    }

    /// - Returns: the rest. A secret's beginning that is cut off at the end is masked.
    public mutating func finish() -> [UInt8] {
        let depth = redactor.depth(state)
        if depth >= Self.fewestBytesOfBeginning { mark(last: depth) }
        state = 0
        return release(held.count)
    }

    private mutating func mark(last count: Int) {
        var start = held.count - count
        while let former = secrets.last, former.upperBound > start {
            start = min(start, former.lowerBound)
            secrets.removeLast()
        }
        secrets.append(max(0, start)..<held.count)
    }

    private mutating func release(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        var clean: [UInt8] = []
        clean.reserveCapacity(count)
        var place = 0
        for secret in secrets {
            guard secret.lowerBound < count else { break }
            clean += held[place..<secret.lowerBound]
            if !(isWithinSecret && secret.lowerBound == 0) { clean += SecretRedactor.mask.utf8 }
            place = min(secret.upperBound, count)
            isWithinSecret = secret.upperBound > count
        }
        if place < count { clean += held[place..<count] }
        secrets = secrets.compactMap { secret in
            secret.upperBound > count ? max(0, secret.lowerBound - count)..<secret.upperBound - count : nil
        }
        held.removeFirst(count)
        return clean
    }
}

/// How a message's body ends (RFC 9112, section 6.3), and how much of it is missing.
package enum BodyFraming: Hashable, Sendable {
    case none
    /// The number of bytes that are missing.
    case length(Int)
    case chunked(ChunkedScanner)
    /// Answers only: the body ends when the connection closes.
    case untilClose

    package enum Progress: Hashable, Sendable {
        /// All bytes belong to the body, which is not complete.
        case more
        /// This many bytes belong to the body, which is now complete.
        case done(Int)
        case invalid(HeadFault)
    }

    /// Whether the body is complete.
    @inlinable @inline(__always)
    package var isDone: Bool {
        switch self {
        case .none, .length(0): true
        default: false
        }
    }

    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Progress {
        switch self {
        case .none:
            return .done(0)
        case .length(let remaining):
            if bytes.count < remaining {
                self = .length(remaining - bytes.count)
                return .more
            }
            self = .none
            return .done(remaining)
        case .chunked(var scanner):
            // Replaced while the scanner changes: a second reference would copy its trailer buffer.
            self = .none
            let progress = scanner.consume(bytes) { _ in }
            if case .more = progress { self = .chunked(scanner) }
            return progress
        case .untilClose:
            return .more
        }
    }

    /// Like `consume`, and reports the ranges that are payload rather than framing.
    package mutating func decode(_ bytes: UnsafeRawBufferPointer, payload: (Range<Int>) -> Void) -> Progress {
        guard case .chunked(var scanner) = self else {
            let progress = consume(bytes)
            switch progress {
            case .more: payload(0..<bytes.count)
            case .done(let count): payload(0..<count)
            case .invalid: break
            }
            return progress
        }
        self = .none
        let progress = scanner.consume(bytes, payload: payload)
        if case .more = progress { self = .chunked(scanner) }
        return progress
    }
}

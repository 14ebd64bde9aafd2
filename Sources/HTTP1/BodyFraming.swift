/// How a message's body ends (RFC 9112, 6.3), and how much of it is still to come.
public enum BodyFraming: Hashable, Sendable {
    case none
    /// Bytes still to come.
    case length(Int)
    case chunked(ChunkedScanner)
    /// Answers only: the body ends with the connection.
    case untilClose

    public enum Progress: Hashable, Sendable {
        /// All bytes belong to the body, and there is more to come.
        case more
        /// So many bytes belong to the body, and it is whole.
        case done(Int)
        case invalid(HeadFault)
    }

    /// Nothing (more) is to come.
    @inlinable @inline(__always)
    public var isDone: Bool {
        switch self {
        case .none, .length(0): true
        default: false
        }
    }

    public mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Progress {
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
            // Taken out while it changes: a second reference would copy what it holds of a trailer.
            self = .none
            let progress = scanner.consume(bytes) { _ in }
            if case .more = progress { self = .chunked(scanner) }
            return progress
        case .untilClose:
            return .more
        }
    }

    /// As `consume`, and hands over the ranges that are payload rather than framing.
    public mutating func decode(_ bytes: UnsafeRawBufferPointer, payload: (Range<Int>) -> Void) -> Progress {
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

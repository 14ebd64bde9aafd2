/// Finds the end of a chunked body (RFC 9112, section 7.1) without keeping its bytes.
struct ChunkFollower: Equatable, Sendable {
    enum Progress: Equatable, Sendable { case more, whole, malformed }

    private enum Place: Equatable, Sendable {
        case size(UInt64, digits: Int)
        /// Reading the rest of the line with the chunk size.
        case sizeLine(UInt64)
        case data(remaining: UInt64)
        /// Reading the line end after the chunk data.
        case dataEnd
        /// Reading trailer lines after the last chunk, up to an empty line.
        case trailer(isEmpty: Bool)
    }

    /// 60 bits of chunk size.
    private static let maximumDigits = 15

    private var place = Place.size(0, digits: 0)

    mutating func take(_ bytes: ArraySlice<UInt8>) -> Progress {
        var rest = bytes
        while let byte = rest.first {
            if case .data(let remaining) = place {
                let taken = min(UInt64(rest.count), remaining)
                rest = rest.dropFirst(Int(taken))
                place = taken == remaining ? .dataEnd : .data(remaining: remaining - taken)
                continue
            }
            rest.removeFirst()
            let progress = step(byte)
            guard progress == .more else { return progress }
        }
        return .more
    }

    private mutating func step(_ byte: UInt8) -> Progress {
        switch (place, byte) {
        case (.size(let size, let digits), _):
            guard let digit = Self.digit(byte) else {
                guard digits > 0, "\r\n; ".utf8.contains(byte) else { return .malformed }
                place = .sizeLine(size)
                return byte == 10 ? step(byte) : .more
            }
            guard digits < Self.maximumDigits else { return .malformed }
            place = .size(size << 4 | digit, digits: digits + 1)
        case (.sizeLine(let size), 10): place = size == 0 ? .trailer(isEmpty: true) : .data(remaining: size)
        case (.dataEnd, 10): place = .size(0, digits: 0)
        case (.dataEnd, 13), (.sizeLine, _): break
        case (.dataEnd, _): return .malformed
        case (.trailer(isEmpty: true), 10): return .whole
        case (.trailer(isEmpty: false), 10): place = .trailer(isEmpty: true)
        case (.trailer, 13): break
        case (.trailer, _): place = .trailer(isEmpty: false)
        case (.data, _): break
        }
        return .more
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

import SafeText

/// Follows a chunked body (RFC 9112, section 7.1) byte by byte, strictly. The body is forwarded unchanged, so anything that
/// another server could read differently is an error here.
package struct ChunkedScanner: Hashable, Sendable {
    package static let extensionBytesMax = 256
    package static let trailerBytesMax = 8 * 1024
    /// 60 bits, so the size cannot overflow.
    package static let sizeDigitsMax = 15

    /// The next expected element.
    private enum State: Hashable, Sendable {
        case size, chunkExtension, sizeLineFeed
        case data, dataCarriageReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed
    }

    private var state = State.size
    private var remaining = 0
    private var digits = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    /// The name of the trailer field that is being read.
    private var trailerName: [UInt8] = []

    package init() {}

    package mutating func consume(_ bytes: UnsafeRawBufferPointer, payload: (Range<Int>) -> Void)
        -> BodyFraming.Progress
    {
        var offset = 0
        while offset < bytes.count {
            if state == .data {
                let end = min(bytes.count, offset + remaining)
                payload(offset..<end)
                remaining -= end - offset
                offset = end
                if remaining == 0 { state = .dataCarriageReturn }
                continue
            }
            let byte = bytes[offset]
            offset += 1
            if state == .endLineFeed { return byte == .lineFeed ? .done(offset) : .invalid(.badChunk) }
            if let fault = step(byte) { return .invalid(fault) }
        }
        return .more
    }

    private mutating func step(_ byte: UInt8) -> HeadFault? {
        switch state {
        case .size: return stepSize(byte)
        case .chunkExtension:
            if byte == .carriageReturn {
                state = .sizeLineFeed
                return nil
            }
            extensionBytes += 1
            return byte.isFieldContent && extensionBytes <= Self.extensionBytesMax ? nil : .badChunk
        case .sizeLineFeed:
            state = remaining == 0 ? .trailerStart : .data
            return byte == .lineFeed ? nil : .badChunk
        case .dataCarriageReturn:
            state = .dataLineFeed
            return byte == .carriageReturn ? nil : .badChunk
        case .dataLineFeed:
            state = .size
            (digits, extensionBytes) = (0, 0)
            return byte == .lineFeed ? nil : .badChunk
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed: return stepTrailer(byte)
        case .data, .endLineFeed: return .badChunk
        }
    }

    private mutating func stepSize(_ byte: UInt8) -> HeadFault? {
        if let value = Hex.value(of: byte) {
            digits += 1
            remaining = remaining << 4 | value
            return digits <= Self.sizeDigitsMax ? nil : .badChunk
        }
        guard digits > 0 else { return .badChunk }
        switch byte {
        case .carriageReturn: state = .sizeLineFeed
        case .semicolon: state = .chunkExtension
        default: return .badChunk
        }
        return nil
    }

    private mutating func stepTrailer(_ byte: UInt8) -> HeadFault? {
        trailerBytes += 1
        guard trailerBytes <= Self.trailerBytesMax else { return .badTrailer }
        switch state {
        case .trailerStart where byte == .carriageReturn:
            state = .endLineFeed
        case .trailerStart, .trailerName:
            if byte.isToken {
                trailerName.append(byte)
                state = .trailerName
            } else {
                guard byte == .colon, !trailerName.isEmpty else { return .badTrailer }
                let name = trailerName.withUnsafeBufferPointer { FieldName($0.baseAddress!, count: $0.count) }
                // Framing and routing fields must not be trailers (RFC 9110, section 6.5.1).
                guard name == .other else { return .badTrailer }
                trailerName.removeAll(keepingCapacity: true)
                state = .trailerValue
            }
        case .trailerValue:
            if byte == .carriageReturn {
                state = .trailerLineFeed
            } else if !byte.isFieldContent {
                return .badTrailer
            }
        default:
            state = .trailerStart
            return byte == .lineFeed ? nil : .badTrailer
        }
        return nil
    }
}

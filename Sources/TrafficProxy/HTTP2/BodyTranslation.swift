import NIOCore

/// Frames the body of an HTTP/2 message as HTTP/1.1 does, and holds it to its declared length. Pure.
struct BodyTranslation {
    private var framing: RequestTranslation.Framing
    private var missing: Int
    /// The last part was translated.
    var hasEnded: Bool

    init(_ framing: RequestTranslation.Framing = .none, hasEnded: Bool = false) {
        self.framing = framing
        self.hasEnded = hasEnded
        missing = if case .length(let length) = framing { length } else { 0 }
    }

    /// - Returns: nil if there is nothing to send.
    /// - Throws: `HTTP2Fault.lengthMismatch`.
    mutating func translate(
        _ bytes: ByteBuffer, endsStream: Bool, _ allocator: ByteBufferAllocator
    ) throws(HTTP2Fault) -> ByteBuffer? {
        guard !hasEnded else { return nil }
        hasEnded = endsStream
        switch framing {
        case .none:
            guard bytes.readableBytes == 0 else { throw .lengthMismatch }
            return nil
        case .length:
            missing -= bytes.readableBytes
            guard missing >= 0, missing == 0 || !endsStream else { throw .lengthMismatch }
            return bytes.readableBytes > 0 ? bytes : nil
        case .chunked:
            return chunk(bytes, endsStream: endsStream, allocator)
        }
    }

    private func chunk(_ bytes: ByteBuffer, endsStream: Bool, _ allocator: ByteBufferAllocator) -> ByteBuffer? {
        guard bytes.readableBytes > 0 || endsStream else { return nil }
        var chunk = allocator.buffer(capacity: bytes.readableBytes + 32)
        if bytes.readableBytes > 0 {
            chunk.writeString(String(bytes.readableBytes, radix: 16))
            chunk.writeStaticString("\r\n")
            chunk.writeImmutableBuffer(bytes)
            chunk.writeStaticString("\r\n")
        }
        if endsStream { chunk.writeStaticString("0\r\n\r\n") }
        return chunk
    }
}

import NIOCore

/// Why a value, or a pair of answers, was not seen.
enum Unseen: String, Error, Hashable, Sendable {
    /// The message ended before its body did.
    case incomplete
    case tooLarge
    case compressed
    /// Too much was copied, or waited to be read, at the time.
    case noRoom
    case notJSON
    /// Nothing is at the path, or a value of another type.
    case noValue
}

/// A copied body on its way off the event loop.
enum CopiedBody: Hashable, Sendable {
    case bytes(ByteBuffer, isChunked: Bool)
    case unseen(Unseen)

    var byteCount: Int {
        if case .bytes(let bytes, _) = self { bytes.readableBytes } else { 0 }
    }

    /// Without the framing of chunks.
    /// - Throws: why there is nothing to read.
    func payload() throws(Unseen) -> ByteBuffer {
        switch self {
        case .unseen(let why): throw why
        case .bytes(let bytes, isChunked: false): return bytes
        case .bytes(let bytes, isChunked: true):
            var payload = ByteBuffer()
            var scanner = ChunkedScanner()
            let progress = bytes.withUnsafeReadableBytes { raw in
                scanner.consume(raw) { payload.writeBytes(UnsafeRawBufferPointer(rebasing: raw[$0])) }
            }
            guard case .done = progress else { throw .incomplete }
            return payload
        }
    }
}

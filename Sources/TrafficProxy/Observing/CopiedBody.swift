import HTTP1
import NIOCore

/// Why a value, or a pair of answers, was not seen.
enum Unseen: String, Error, Hashable, Sendable {
    /// The message ended before its body did.
    case incomplete
    case tooLarge
    /// In a way that is not known here.
    case compressed
    /// It is not compressed as it says.
    case garbled
    /// Too much was copied, or waited to be read, at the time.
    case noRoom
    case notJSON
    /// Nothing is at the path, or a value of another type.
    case noValue
}

/// What stands between a body as it came and what it says.
struct BodyForm: Hashable, Sendable {
    var isChunked = false
    var coding = ContentCoding.none
}

/// A copied body on its way off the event loop.
enum CopiedBody: Hashable, Sendable {
    /// - Parameter bytesMax: of what it says, once that is no longer compressed.
    case bytes(ByteBuffer, BodyForm, bytesMax: Int)
    case unseen(Unseen)

    var byteCount: Int {
        if case .bytes(let bytes, _, _) = self { bytes.readableBytes } else { 0 }
    }

    /// Without the framing of chunks, and not compressed; or why there is nothing to read.
    var payload: Result<ByteBuffer, Unseen> { Result { () throws(Unseen) in try opened() } }

    private func opened() throws(Unseen) -> ByteBuffer {
        switch self {
        case .unseen(let why): throw why
        case .bytes(let bytes, let form, let bytesMax):
            let body = form.isChunked ? try Self.dechunked(bytes) : bytes
            return try form.coding.undone(body, bytesMax: bytesMax)
        }
    }

    private static func dechunked(_ bytes: ByteBuffer) throws(Unseen) -> ByteBuffer {
        var payload = ByteBuffer()
        var scanner = ChunkedScanner()
        let progress = bytes.withUnsafeReadableBytes { raw in
            scanner.consume(raw) { payload.writeBytes(UnsafeRawBufferPointer(rebasing: raw[$0])) }
        }
        guard case .done = progress else { throw .incomplete }
        return payload
    }
}

import HTTP1
import NIOCore

/// Why no value was found, or why a pair of answers was not compared.
enum MissingValueReason: String, Error, Hashable, Sendable {
    /// The message ended before its body was complete.
    case incomplete
    case tooLarge
    /// Compressed with an unknown coding.
    case compressed
    /// Not compressed as declared.
    case garbled
    /// Too many bytes were copied, or waited to be read, at that time.
    case noRoom
    case notJSON
    /// Nothing is at the path, or a value of another type.
    case noValue
}

/// How a body's bytes are framed and compressed.
struct BodyForm: Hashable, Sendable {
    var isChunked = false
    var coding = ContentCoding.none
}

/// A copied body, as it is passed out of the event loop.
enum CopiedBody: Hashable, Sendable {
    /// - Parameter bytesMax: the limit of the uncompressed body.
    case bytes(ByteBuffer, BodyForm, bytesMax: Int)
    case unseen(MissingValueReason)

    var byteCount: Int {
        if case .bytes(let bytes, _, _) = self { bytes.readableBytes } else { 0 }
    }

    /// The body without chunked framing and compression, or why there is nothing to read.
    var payload: Result<ByteBuffer, MissingValueReason> { Result { () throws(MissingValueReason) in try opened() } }

    private func opened() throws(MissingValueReason) -> ByteBuffer {
        switch self {
        case .unseen(let why): throw why
        case .bytes(let bytes, let form, let bytesMax):
            let body = form.isChunked ? try Self.dechunked(bytes) : bytes
            return try form.coding.undone(body, bytesMax: bytesMax)
        }
    }

    private static func dechunked(_ bytes: ByteBuffer) throws(MissingValueReason) -> ByteBuffer {
        var payload = ByteBuffer()
        var scanner = ChunkedScanner()
        let progress = bytes.withUnsafeReadableBytes { raw in
            scanner.consume(raw) { payload.writeBytes(UnsafeRawBufferPointer(rebasing: raw[$0])) }
        }
        guard case .done = progress else { throw .incomplete }
        return payload
    }
}

/// An answer with a copy of its body.
struct CopiedAnswer {
    var status: Int
    var body: BodyCopy

    /// - Parameter bytes: begin with the head.
    init(_ head: ResponseHead, _ bytes: ByteBuffer, bytesMax: Int, budget: CopyBudget) {
        status = head.status
        let isChunked = if case .chunked = head.body { true } else { false }
        let coding = bytes.withUnsafeReadableBytes { raw in
            ContentCoding(
                raw.baseAddress!.assumingMemoryBound(to: UInt8.self), from: head.fieldsStart, headLength: head.length)
        }
        body = BodyCopy(BodyForm(isChunked: isChunked, coding: coding), bytesMax: bytesMax, budget: budget)
        if case .length(let length) = head.body, length > bytesMax { body.giveUp(.tooLarge) }
    }
}

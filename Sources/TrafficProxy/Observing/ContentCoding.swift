import CZlib
import HTTP1
import NIOCore

/// How a body is compressed (RFC 9110, section 8.4).
enum ContentCoding: Hashable, Sendable {
    case none
    /// `gzip`, or `deflate` as the RFC defines it: in the zlib format.
    case deflated
    /// An unknown coding, or several codings on top of each other.
    case other

    private static let fieldName = Array("content-encoding".utf8)

    /// Reads the coding from a head that was scanned before.
    init(_ bytes: UnsafePointer<UInt8>, from start: Int, headLength: Int) {
        guard let value = FieldScanner.value(of: Self.fieldName, bytes, from: start, headLength: headLength),
            !value.isEmpty, !FieldScanner.equals(bytes, value, "identity")
        else {
            self = .none
            return
        }
        let names: [StaticString] = ["gzip", "x-gzip", "deflate"]
        self = names.contains { FieldScanner.equals(bytes, value, $0) } ? .deflated : .other
    }

    /// The uncompressed body.
    ///
    /// - Parameter bytesMax: a body that becomes larger than this is abandoned: a small body can expand to a very large one.
    /// - Throws: `compressed` for an unknown coding, `tooLarge` or `garbled` otherwise.
    func undone(_ body: ByteBuffer, bytesMax: Int) throws(MissingValueReason) -> ByteBuffer {
        switch self {
        case .none: return body
        case .other: throw .compressed
        case .deflated: return try Self.inflated(body, bytesMax: bytesMax)
        }
    }

    /// The largest window, and automatic detection of gzip or zlib.
    private static let windowBits: Int32 = 15 + 32
    private static let firstBytes = 4096

    private static func inflated(_ body: ByteBuffer, bytesMax: Int) throws(MissingValueReason) -> ByteBuffer {
        var stream = z_stream()
        guard inflate_begin(&stream, windowBits) == Z_OK else { throw .noRoom }
        defer { inflateEnd(&stream) }
        var body = body
        var inflated = ByteBuffer()
        // Each turn makes room, fills it, or ends the loop. At most one byte over the limit is ever written.
        while true {
            let room = min(max(firstBytes, inflated.readableBytes), bytesMax + 1 - inflated.readableBytes)
            let result = step(&stream, &body, into: &inflated, room: room)
            if inflated.readableBytes > bytesMax { break }
            switch result {
            case Z_OK: continue
            case Z_STREAM_END where body.readableBytes == 0: return inflated
            // Another gzip member follows (RFC 1952, section 2.2).
            case Z_STREAM_END where inflateReset(&stream) == Z_OK: continue
            // The message is complete, so data that ends too early (`Z_BUF_ERROR`) is damaged too.
            default: throw .garbled
            }
        }
        throw .tooLarge
    }

    private static func step(
        _ stream: inout z_stream, _ body: inout ByteBuffer, into inflated: inout ByteBuffer, room: Int
    ) -> Int32 {
        body.readWithUnsafeMutableReadableBytes { source -> (Int, Int32) in
            var result = Z_OK
            stream.next_in = source.bindMemory(to: UInt8.self).baseAddress
            stream.avail_in = UInt32(clamping: source.count)
            inflated.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                stream.next_out = target.bindMemory(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(clamping: room)
                result = inflate(&stream, Z_NO_FLUSH)
                return room - Int(stream.avail_out)
            }
            return (min(source.count, Int(UInt32.max)) - Int(stream.avail_in), result)
        }
    }
}

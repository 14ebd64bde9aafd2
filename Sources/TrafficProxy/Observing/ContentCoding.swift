import CZlib
import HTTP1
import NIOCore

/// How a body is compressed (RFC 9110, 8.4).
enum ContentCoding: Hashable, Sendable {
    case none
    /// `gzip`, or `deflate` as the RFC means it: with zlib's frame.
    case deflated
    /// Known to none but its ends, or several one over the other.
    case other

    private static let fieldName = Array("content-encoding".utf8)

    /// Read from a head that was scanned before.
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

    /// The body as it was before it was compressed.
    ///
    /// - Parameter bytesMax: more than that is given up: a small body can hold a very large one.
    /// - Throws: `compressed` for a coding that is not known here; else `tooLarge` or `garbled`.
    func undone(_ body: ByteBuffer, bytesMax: Int) throws(Unseen) -> ByteBuffer {
        switch self {
        case .none: return body
        case .other: throw .compressed
        case .deflated: return try Self.inflated(body, bytesMax: bytesMax)
        }
    }

    /// The largest window, and gzip or zlib by what the body begins with.
    private static let windowBits: Int32 = 15 + 32
    private static let firstBytes = 4096

    private static func inflated(_ body: ByteBuffer, bytesMax: Int) throws(Unseen) -> ByteBuffer {
        var stream = z_stream()
        guard inflate_begin(&stream, windowBits) == Z_OK else { throw .noRoom }
        defer { inflateEnd(&stream) }
        var body = body
        var inflated = ByteBuffer()
        // Each turn makes room, fills it, or ends it: at most one byte over the bound is ever written.
        while true {
            let room = min(max(firstBytes, inflated.readableBytes), bytesMax + 1 - inflated.readableBytes)
            let result = step(&stream, &body, into: &inflated, room: room)
            if inflated.readableBytes > bytesMax { break }
            switch result {
            case Z_OK: continue
            case Z_STREAM_END where body.readableBytes == 0: return inflated
            // A further member (RFC 1952, 2.2).
            case Z_STREAM_END where inflateReset(&stream) == Z_OK: continue
            // The message is whole, so what ends too early is damaged too (`Z_BUF_ERROR`).
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

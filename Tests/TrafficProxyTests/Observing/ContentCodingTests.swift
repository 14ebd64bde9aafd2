import CZlib
import NIOCore
import Testing

@testable import TrafficProxy

/// `printf '{"y":0.9}' | gzip -n9`
let gzippedScore: [UInt8] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 170, 84, 178, 50, 208, 179, 172, 5, 0, 31, 174, 97, 21, 9, 0, 0, 0,
]

@Suite struct ContentCodingTests {
    /// In the zlib format, which HTTP calls deflate.
    private static func deflated(_ bytes: [UInt8]) -> [UInt8] {
        var count = compressBound(UInt(bytes.count))
        var out = [UInt8](repeating: 0, count: Int(count))
        let result = compress(&out, &count, bytes, UInt(bytes.count))
        precondition(result == Z_OK)
        return Array(out.prefix(Int(count)))
    }

    private static func undone(_ bytes: [UInt8], bytesMax: Int = 1000) throws(MissingValueReason) -> [UInt8] {
        Array(try ContentCoding.deflated.undone(ByteBuffer(bytes: bytes), bytesMax: bytesMax).readableBytesView)
    }

    private static let score = Array(#"{"y":0.9}"#.utf8)

    @Test("gzip and deflate are decompressed, also several members in a row")
    func undoing() throws {
        #expect(try Self.undone(gzippedScore) == Self.score)
        #expect(try Self.undone(Self.deflated(Self.score)) == Self.score)
        #expect(try Self.undone(gzippedScore + gzippedScore) == Self.score + Self.score)
        #expect(try Self.undone(Self.deflated([])) == [])
    }

    @Test(
        "large bodies are decompressed completely up to the limit, and no byte further",
        arguments: [9, 4096, 5000, 200_000])
    func bound(count: Int) throws {
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let small = Self.deflated(body)
        #expect(try Self.undone(small, bytesMax: count) == body)
        #expect(throws: MissingValueReason.tooLarge) { try Self.undone(small, bytesMax: count - 1) }
    }

    @Test("a small body that expands to a very large one costs no more than the limit")
    func bomb() {
        let bomb = Self.deflated([UInt8](repeating: 0, count: 50_000_000))
        #expect(bomb.count < 100_000)
        #expect(throws: MissingValueReason.tooLarge) { try Self.undone(bomb, bytesMax: 1000) }
    }

    @Test("data that is cut off or not what it declares is not read")
    func broken() {
        for count in 0..<gzippedScore.count {
            #expect(throws: MissingValueReason.garbled) { try Self.undone(Array(gzippedScore.prefix(count))) }
        }
        #expect(throws: MissingValueReason.garbled) { try Self.undone(Self.score) }
        var damaged = gzippedScore
        damaged[damaged.count - 5] ^= 1
        #expect(throws: MissingValueReason.garbled) { try Self.undone(damaged) }
        #expect(throws: MissingValueReason.garbled) { try Self.undone(gzippedScore + [1, 2, 3]) }
    }

    @Test("a body with an unknown coding is not read")
    func unknown() {
        #expect(throws: MissingValueReason.compressed) {
            try ContentCoding.other.undone(ByteBuffer(bytes: gzippedScore), bytesMax: 1000)
        }
    }

    @Test("a chunked body is joined before it is decompressed")
    func chunked() throws {
        let chunks = [gzippedScore.prefix(7), gzippedScore.dropFirst(7)].flatMap {
            Array("\(String($0.count, radix: 16))\r\n".utf8) + $0 + Array("\r\n".utf8)
        }
        let body = CopiedBody.bytes(
            ByteBuffer(bytes: chunks + Array("0\r\n\r\n".utf8)), BodyForm(isChunked: true, coding: .deflated),
            bytesMax: 100)
        #expect(try body.payload.get() == ByteBuffer(bytes: Self.score))
    }

    @Test(
        "the coding is found in any letter case; identity is none",
        arguments: [
            ("content-encoding: gzip", ContentCoding.deflated), ("Content-Encoding:X-GZIP", .deflated),
            ("content-encoding: deflate", .deflated), ("Content-Encoding:br", .other),
            ("content-encoding: gzip, gzip", .other), ("content-encoding: Identity", .none),
            ("content-encoding:", .none), ("x-content-encoding: gzip", .none), ("content-type: text/plain", .none),
        ])
    func names(field: String, coding: ContentCoding) {
        let head = Array("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\(field)\r\n\r\n".utf8)
        let found = head.withUnsafeBufferPointer {
            ContentCoding($0.baseAddress!, from: 17, headLength: $0.count)
        }
        #expect(found == coding)
    }
}

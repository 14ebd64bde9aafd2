import TestSupport
import Testing

@testable import HTTP1

@Suite struct BodyFramingTests {
    /// Feeds the pieces. Returns what ended the body, the bytes that belong to it, and the payload.
    private func feed(
        _ pieces: [[UInt8]], _ framing: BodyFraming = .chunked(ChunkedScanner())
    ) -> (progress: BodyFraming.Progress, consumed: Int, payload: [UInt8]) {
        var body = framing
        var consumed = 0
        var payload: [UInt8] = []
        for piece in pieces {
            let progress = piece.withUnsafeBytes { raw in body.decode(raw) { payload += piece[$0] } }
            switch progress {
            case .more: consumed += piece.count
            case .done(let count): return (.done(consumed + count), consumed + count, payload)
            case .invalid: return (progress, consumed, payload)
            }
        }
        return (.more, consumed, payload)
    }

    private let sample = "5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n000\r\nX-Sum: 1\r\nOther:\r\n\r\n"

    @Test("a chunked body ends at its end, and its payload is found, however it is split in two")
    func chunked() {
        let bytes = Array(sample.utf8) + Array("next".utf8)
        for length in 0...bytes.count {
            let result = feed([Array(bytes[..<length]), Array(bytes[length...])])
            #expect(result.progress == .done(sample.utf8.count))
            #expect(String(decoding: result.payload, as: UTF8.self) == "hello0123456789")
        }
    }

    @Test("byte by byte gives the same result")
    func byteByByte() {
        let result = feed(sample.utf8.map { [$0] })
        #expect(result.progress == .done(sample.utf8.count))
        #expect(String(decoding: result.payload, as: UTF8.self) == "hello0123456789")
    }

    static let faults: [(String, HeadFault)] = [
        ("\r\n", .badChunk), ("x\r\n", .badChunk), ("5\nhello\r\n", .badChunk), ("5\r\nhelloX\r\n", .badChunk),
        ("5\r\nhello\n", .badChunk), (" 5\r\nhello\r\n", .badChunk), ("5 \r\nhello\r\n", .badChunk),
        ("-5\r\n", .badChunk), ("0x5\r\n", .badChunk), ("fffffffffffffffff\r\n", .badChunk),
        ("5;a\nb\r\nhello\r\n", .badChunk), ("5;\0\r\nhello\r\n", .badChunk), ("5\rhello", .badChunk),
        ("5;" + String(repeating: "a", count: 300) + "\r\n", .badChunk), ("0\r\n\rX", .badChunk),
        ("0\r\nContent-Length: 5\r\n\r\n", .badTrailer), ("0\r\nHost: x\r\n\r\n", .badTrailer),
        ("0\r\nA b: c\r\n\r\n", .badTrailer), ("0\r\nA: b\n\r\n", .badTrailer), ("0\r\n folded\r\n\r\n", .badTrailer),
        ("0\r\nA: " + String(repeating: "a", count: 9000) + "\r\n\r\n", .badTrailer),
    ]

    @Test("malformed chunks and trailers are refused, whole or byte by byte", arguments: faults)
    func refused(text: String, fault: HeadFault) {
        #expect(feed([Array(text.utf8)]).progress == .invalid(fault))
        #expect(feed(text.utf8.map { [$0] }).progress == .invalid(fault))
    }

    @Test("random bodies, split at random, come out unchanged")
    func fuzz() {
        var random = SeededRandom(seed: 42)
        for _ in 0..<300 {
            var wire: [UInt8] = []
            var payload: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let chunk = (0..<Int.random(in: 1...300, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                wire += Array((String(chunk.count, radix: 16) + "\r\n").utf8) + chunk + [0x0d, 0x0a]
                payload += chunk
            }
            wire += Array("0\r\n\r\n".utf8)
            let length = wire.count
            wire += Array("GET /smuggled".utf8)
            var pieces: [[UInt8]] = []
            var rest = wire[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...min(rest.count, 100), using: &random)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let result = feed(pieces)
            #expect(result.progress == .done(length))
            #expect(result.payload == payload)
        }
    }

    @Test("a declared length is counted down over several parts")
    func length() {
        let result = feed([Array("abc".utf8), Array("defgh".utf8)], .length(5))
        #expect(result.progress == .done(5))
        #expect(String(decoding: result.payload, as: UTF8.self) == "abcde")
        #expect(feed([Array("abc".utf8)], .length(5)).progress == .more)
        #expect(feed([Array("abc".utf8)], .untilClose).progress == .more)
    }
}

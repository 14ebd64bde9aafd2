import Testing
import TestSupport

@testable import HTTP1

@Suite struct ResponseHeadScannerTests {
    @Test(
        "the end of the body depends on status, request and fields",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, BodyFraming.length(5)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, .none),
            ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", false, .chunked(ChunkedScanner())),
            ("HTTP/1.1 200 OK\r\n\r\n", false, .untilClose),
            ("HTTP/1.1 204 No Content\r\n\r\n", false, .none),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, .none),
            ("HTTP/1.1 100 Continue\r\n\r\n", false, .none),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, .none),
        ])
    func framing(text: String, isToHead: Bool, body: BodyFraming) throws {
        #expect(try #require(scanResponse(text, isToHead: isToHead).head).body == body)
    }

    static let faults: [(String, HeadFault)] = [
        ("HTTP/2 200 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 20x OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1  200 OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 200 OK\n\n", .badStatusLine), ("garbage\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndEncoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", .duplicateContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", .badContentLength),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .foldedField),
    ]

    @Test("a malformed answer is refused", arguments: faults)
    func refused(text: String, fault: HeadFault) { #expect(scanResponse(text).fault == fault) }

    @Test(
        "the result does not depend on how the bytes are split",
        arguments: faults.map(\.0) + [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello", "HTTP/1.0 404 \r\n\r\n",
        ])
    func splits(text: String) {
        let bytes = Array(text.utf8)
        let whole = scanResponse(bytes)
        for length in 0..<bytes.count {
            let part = scanResponse(Array(bytes[..<length]))
            #expect(part == .incomplete || part == whole, "after \(length) bytes")
        }
    }
}

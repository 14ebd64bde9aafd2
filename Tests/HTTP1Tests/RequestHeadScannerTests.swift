import TestSupport
import Testing

@testable import HTTP1

@Suite struct RequestHeadScannerTests {
    @Test("a plain POST is parsed")
    func post() throws {
        let text = "POST /v2/models/m/infer?x=1 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 12\r\n\r\n"
        let head = try #require(scanRequest(text + "body").head)
        #expect(head.method == .post)
        #expect(head.length == text.utf8.count)
        #expect(head.body == .length(12))
        #expect(head.keepAlive && !head.isVersion10 && !head.mayRepeat)
        #expect(Array(text.utf8)[head.path] == Array("/v2/models/m/infer?x=1".utf8)[...])
    }

    @Test(
        "keep-alive follows version and Connection",
        arguments: [
            ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false), ("HTTP/1.0", "", false),
            ("HTTP/1.0", "connection: Keep-Alive\r\n", true), ("HTTP/1.1", "Connection: TE, Close\r\n", false),
        ])
    func keepAlive(version: String, field: String, expected: Bool) throws {
        let head = try #require(scanRequest("GET / \(version)\r\nHost: h\r\n\(field)\r\n").head)
        #expect(head.keepAlive == expected)
    }

    @Test("a target in absolute form names the host")
    func absolute() throws {
        let text = "GET http://other:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n"
        let head = try #require(scanRequest(text).head)
        #expect(Array(text.utf8)[head.authority] == Array("other:80".utf8)[...])
        #expect(Array(text.utf8)[head.path] == Array("/a?b".utf8)[...])
        #expect(scanRequest("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").head != nil)
    }

    @Test("anything that two servers could read differently is refused", arguments: RequestFaults.all)
    func refused(text: String, fault: HeadFault) {
        #expect(scanRequest(text).fault == fault)
    }

    @Test(
        "the result does not depend on how the bytes are split",
        arguments: RequestFaults.all.map(\.0) + [
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Y: z\r\n\r\nabc",
            "\r\nGET / HTTP/1.0\r\n\r\n",
            "PUT http://h:1/a HTTP/1.1\r\nhost: h\r\nconnection: close, x\r\ntransfer-encoding: Chunked\r\n\r\n"
                + "0\r\n\r\n",
        ])
    func splits(text: String) {
        let bytes = Array(text.utf8)
        let whole = scanRequest(bytes)
        for length in 0..<bytes.count {
            let part = scanRequest(Array(bytes[..<length]))
            #expect(part == .incomplete || part == whole, "after \(length) bytes")
        }
    }

    @Test("splits never change the result, and an accepted head has one length and one framing")
    func fuzz() {
        var random = SeededRandom(seed: 20_261_121)
        let seeds =
            RequestFaults.all.map { Array($0.0.utf8) } + [
                Array(
                    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Y: z\r\nConnection: keep-alive\r\n\r\nabc"
                        .utf8)
            ]
        let nasty: [UInt8] = [0x0d, 0x0a, 0x20, 0x09, 0x3a, 0x00, 0x2c, 0x7f, 0xff, 0x31]
        for _ in 0..<4000 {
            var bytes = seeds.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = nasty.randomElement(using: &random)!
                case 1: bytes.insert(nasty.randomElement(using: &random)!, at: at)
                default: if bytes.count > 1 { bytes.remove(at: at) }
                }
            }
            let whole = scanRequest(bytes)
            for length in 0..<bytes.count {
                let part = scanRequest(Array(bytes[..<length]))
                guard part == .incomplete || part == whole else {
                    Issue.record("\(String(decoding: bytes, as: UTF8.self).debugDescription) split after \(length)")
                    return
                }
            }
            if let head = whole.head {
                #expect(head.length <= bytes.count)
                #expect(bytes[head.length - 4..<head.length] == [0x0d, 0x0a, 0x0d, 0x0a])
            }
        }
    }

    @Test("a head may be as long as its limit, and no longer")
    func limits() {
        let limits = RequestHeadScanner(headBytesMax: 100, lineBytesMax: 40, fieldsMax: 3)
        let short = "GET / HTTP/1.1\r\nHost: h\r\nA: "
        let fill = 100 - short.utf8.count - 4
        #expect(scanRequest(short + String(repeating: "b", count: fill) + "\r\n\r\n", limits).head != nil)
        let long = scanRequest(short + String(repeating: "b", count: fill + 1) + "\r\n\r\n", limits)
        #expect(long.fault == .headTooLarge)
        let line = "GET /" + String(repeating: "a", count: 40)
        #expect(scanRequest(line, limits).fault == .requestLineTooLong)
        #expect(scanRequest(line + " HTTP/1.1\r\nHost: h\r\n\r\n", limits).fault == .requestLineTooLong)
        let fields = scanRequest("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", limits)
        #expect(fields.fault == .tooManyFields)
        #expect(fields.fault?.status == 431)
    }

    @Test("exactly the token characters are allowed in a name")
    func tokens() {
        let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max { #expect(byte.isToken == tokens.contains(byte)) }
    }

    @Test("every control character is found, at every position in a value")
    func contents() {
        for byte in UInt8.min...UInt8.max {
            for position in 0..<20 {
                var value = [UInt8](repeating: 0x61, count: 20)
                value[position] = byte
                let end = value.withUnsafeBufferPointer {
                    FieldScanner.endOfFieldContent($0.baseAddress!, from: 0, count: 20)
                }
                #expect(end == (byte.isFieldContent ? 20 : position))
            }
        }
    }
}

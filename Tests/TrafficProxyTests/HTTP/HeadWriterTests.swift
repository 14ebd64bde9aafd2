import Foundation
import HTTP1
import ModelManifests
import NIOCore
import Serving
import Testing
import TestSupport

@testable import TrafficProxy

@Suite struct HeadWriterTests {
    private static let mint = RequestIdSigner(
        deployment: DeploymentKey(name: "d"), revision: Revision(rawValue: "rev"), key: PlaneHarness.requestIdKey)
    /// The minted ID, in the format of `RequestIdentity`.
    private static let minted = RequestIdentity(revision: Revision(rawValue: "rev"), atSeconds: 0, random: 0xabc)
        .text(of: DeploymentKey(name: "d"), key: PlaneHarness.requestIdKey)

    private func forwarded(_ text: String, id given: String? = "id-1") throws -> String {
        var scanner = RequestHeadScanner(limits: ProxyLimits())
        let bytes = Array(text.utf8)
        var buffer = ByteBuffer()
        try bytes.withUnsafeBytes { raw in
            let head = try #require(scanner.scan(raw).head)
            let source = raw.baseAddress!.assumingMemoryBound(to: UInt8.self)
            var id = RequestId()
            id.mint(Self.mint, word: 0xabc)
            if let given {
                let isTaken = Array(given.utf8).withUnsafeBufferPointer { id.take($0.baseAddress!, 0..<$0.count) }
                #expect(isTaken)
            }
            HeadWriter.write(
                head, source, scanner.spans, id: id, fields: RevisionFields(revision: "rev"),
                forwardedFor: Array("127.0.0.1".utf8), fallbackHost: Array("127.0.0.1:5".utf8), to: &buffer)
        }
        return String(buffer: buffer)
    }

    private func answered(
        _ text: String, _ options: HeadWriter.AnswerOptions = HeadWriter.AnswerOptions()
    ) throws -> String {
        var scanner = ResponseHeadScanner(limits: ProxyLimits())
        let bytes = Array(text.utf8)
        var buffer = ByteBuffer()
        try bytes.withUnsafeBytes { raw in
            let head = try #require(scanner.scan(raw, isToHead: false).head)
            var id = RequestId()
            id.mint(Self.mint, word: 0xabc)
            HeadWriter.write(
                head, raw.baseAddress!.assumingMemoryBound(to: UInt8.self), scanner.spans, id: id,
                fields: RevisionFields(revision: "rev"), options: options, to: &buffer)
        }
        return String(buffer: buffer)
    }

    @Test("a model server does not get the cookie of the dashboard's session, and all others as they are")
    func cookies() throws {
        func cookies(_ lines: String...) throws -> [String] {
            let sent = "GET / HTTP/1.1\r\nHost: h\r\n" + lines.map { "\($0)\r\n" }.joined() + "\r\n"
            return try forwarded(sent).split(separator: "\r\n").map(String.init)
                .filter { $0.lowercased().hasPrefix("cookie") }
        }
        #expect(try cookies("Cookie: a=1; b=2") == ["Cookie: a=1; b=2"])
        #expect(try cookies("Cookie: a=1; mlctl-session-8090=secret.code; b=2") == ["cookie: a=1; b=2"])
        #expect(try cookies("Cookie: __Secure-mlctl-session=x") == [])
        #expect(try cookies("cookie:mlctl-session=x;;  ;c=3 ") == ["cookie: c=3"])
        #expect(try cookies("Cookie: a=mlctl-session=1") == ["Cookie: a=mlctl-session=1"])
        #expect(try cookies("Cookie: a=1", "Cookie: mlctl-session=x") == ["cookie: a=1"])
        // A Connection field that names further ones.
        #expect(try cookies("Connection: x-a", "X-A: 1", "Cookie: mlctl-session=x; d=4") == ["cookie: d=4"])
    }

    @Test("fields pass unchanged, those of one connection are dropped, and the proxy's own are added")
    func request() throws {
        let sent = """
            POST /a HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nX-A: b\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
            Content-Length: 2\r\nX-Request-ID: id-1\r\nx-last: 1\r\n\r\n
            """
        #expect(
            try forwarded(sent) == """
                POST /a HTTP/1.1\r\nHost: h\r\nX-A: b\r\nContent-Length: 2\r\nx-last: 1\r\n\
                x-forwarded-for: 127.0.0.1\r\nx-mlctl-request-id: \(Self.minted)\r\nx-request-id: id-1\r\n\r\n
                """)
    }

    @Test("x-forwarded-for is extended, over all its lines")
    func appended() throws {
        let out = try forwarded(
            "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2\r\n\r\n")
        #expect(out.contains("x-forwarded-for: 1.1.1.1, 2.2.2.2, 127.0.0.1\r\n"))
        #expect(out.lowercased().components(separatedBy: "x-forwarded-for").count == 2)
    }

    @Test("fields that Connection names are dropped too, except framing and routing fields")
    func named() throws {
        let out = try forwarded(
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: x-secret, host, content-length\r\nX-Secret: s\r\n"
                + "X-Keep: k\r\nContent-Length: 2\r\n\r\n"
        )
        #expect(
            out
                == "POST / HTTP/1.1\r\nHost: h\r\nX-Keep: k\r\nContent-Length: 2\r\nx-forwarded-for: "
                + "127.0.0.1\r\nx-mlctl-request-id: \(Self.minted)\r\nx-request-id: id-1\r\n\r\n"
        )
    }

    @Test("a host is added if HTTP/1.0 names none, and taken from a target in absolute form")
    func hosts() throws {
        #expect(try forwarded("GET /a HTTP/1.0\r\n\r\n").hasPrefix("GET /a HTTP/1.1\r\nhost: 127.0.0.1:5\r\n"))
        let absolute = try forwarded("GET http://o HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(absolute.hasPrefix("GET / HTTP/1.1\r\nhost: o\r\nx-forwarded-for"))
    }

    @Test("without a valid client ID the minted ID is used for both; a forged minted ID is dropped")
    func mintedId() throws {
        let out = try forwarded(
            "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: bad id\r\nX-Mlctl-Request-Id: forged\r\n\r\n", id: nil)
        #expect(out.contains("\r\nx-mlctl-request-id: \(Self.minted)\r\nx-request-id: \(Self.minted)\r\n"))
        #expect(!out.contains("bad id") && !out.contains("forged"))
    }

    @Test("an answer has the revision and the ID, once")
    func answer() throws {
        let out = try answered(
            "HTTP/1.0 200 Fine thing\r\nConnection: keep-alive\r\nX-Mlctl-Revision: other\r\nx-request-id: "
                + "o\r\nx-mlctl-request-id: o\r\nContent-Length: 2\r\n\r\n"
        )
        #expect(
            out
                == "HTTP/1.1 200 Fine thing\r\nContent-Length: 2\r\nx-mlctl-revision: rev\r\nx-mlctl-request-id: "
                + "\(Self.minted)\r\nx-request-id: \(Self.minted)\r\n\r\n"
        )
    }

    @Test("an answer that is chunked, dechunked or the last one says so")
    func options() throws {
        #expect(
            try answered("HTTP/1.1 200 OK\r\n\r\n", .init(connection: .close, addsTransferEncoding: true))
                .hasSuffix("\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"))
        #expect(
            try !answered(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                .init(connection: .keepAlive, dropsTransferEncoding: true)
            ).contains("hunked"))
    }

    @Test(
        "a request ID is accepted if it is short and plain",
        arguments: [
            ("abc-123_X.y:z/+=@", true), ("", false), ("a b", false), ("a\u{7f}", false), ("<script>", false),
            (String(repeating: "a", count: 128), true), (String(repeating: "a", count: 129), false),
        ])
    func ids(text: String, isSane: Bool) {
        var id = RequestId()
        let bytes = Array(text.utf8) + [0]
        let isTaken = bytes.withUnsafeBufferPointer { id.take($0.baseAddress!, 0..<text.utf8.count) }
        #expect(isTaken == isSane)
        if isSane { #expect(id.text(revision: "r") == text) }
    }

    @Test("the proxy's own answer is valid JSON whatever its message contains")
    func own() throws {
        var buffer = ByteBuffer()
        var id = RequestId()
        let isTaken = Array("i".utf8).withUnsafeBufferPointer { id.take($0.baseAddress!, 0..<1) }
        #expect(isTaken)
        id.mint(Self.mint, word: 0xabc)
        LocalReply(503, "a \"b\" \\ c\n", retryAfterSeconds: 1).write(
            revision: "rev", id: id, closes: true, isToHead: false, to: &buffer)
        let text = String(buffer: buffer)
        #expect(text.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(text.contains("x-mlctl-request-id: \(Self.minted)\r\nx-request-id: i\r\n"))
        #expect(text.contains("retry-after: 1\r\n") && text.contains("connection: close\r\n"))
        #expect(text.hasSuffix("\r\n\r\n{\"error\":\"a \\\"b\\\" \\\\ c\\n\",\"requestId\":\"i\"}\n"))
    }
}

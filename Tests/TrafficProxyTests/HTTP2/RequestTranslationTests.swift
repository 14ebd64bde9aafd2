import HTTP1
import NIOCore
import NIOHPACK
import Testing

@testable import TrafficProxy

@Suite("Requests from HTTP/2 to HTTP/1.1")
struct RequestTranslationTests {
    private static let pseudo = [
        (":method", "POST"), (":scheme", "http"), (":path", "/v2/models/m/infer?x=1"), (":authority", "h:9000"),
    ]

    private func translate(
        _ fields: [(String, String)], endsStream: Bool = false
    ) -> Result<(text: String, head: RequestTranslation.Head), HTTP2Fault> {
        var buffer = ByteBuffer()
        do {
            let head = try RequestTranslation.write(HPACKHeaders(fields), endsStream: endsStream, to: &buffer)
            return .success((String(buffer: buffer), head))
        } catch {
            return .failure(error)
        }
    }

    private func fault(_ fields: [(String, String)], endsStream: Bool = false) -> HTTP2Fault? {
        if case .failure(let fault) = translate(fields, endsStream: endsStream) { fault } else { nil }
    }

    @Test("a body without a length is chunked, and cookies become one field")
    func chunked() throws {
        let (text, head) = try translate(
            Self.pseudo + [("x-user", "u"), ("cookie", "a=1"), ("te", "trailers"), ("cookie", "b=2")]
        ).get()
        #expect(head.framing == .chunked)
        #expect(
            text == "POST /v2/models/m/infer?x=1 HTTP/1.1\r\nhost: h:9000\r\nx-user: u\r\ncookie: a=1; b=2\r\n"
                + "transfer-encoding: chunked\r\n\r\n")
    }

    @Test("a declared length stays, and a request that ends at once has no body")
    func lengths() throws {
        #expect(try translate(Self.pseudo + [("content-length", "5")]).get().head.framing == .length(5))
        let (text, head) = try translate(Self.pseudo, endsStream: true).get()
        #expect(head.framing == .none)
        #expect(!text.contains("transfer-encoding") && !text.contains("content-length"))
        #expect(
            try translate(Self.pseudo + [("content-length", "0")], endsStream: true).get().head.framing == .length(0))
    }

    @Test("the result is a head that the scanner of HTTP/1.1 accepts, with the same parts")
    func scanned() throws {
        let (text, _) = try translate(Self.pseudo + [("content-length", "5"), ("idempotency-key", "k")]).get()
        var scanner = RequestHeadScanner(limits: ProxyLimits())
        let scan = Array(text.utf8).withUnsafeBytes { scanner.scan($0) }
        guard case .complete(let head) = scan else {
            Issue.record("\(scan)")
            return
        }
        #expect(head.method == .post)
        #expect(head.body == .length(5))
        #expect(head.length == text.utf8.count)
        #expect(head.hasIdempotencyKey)
    }

    @Test("a gRPC call is recognised, with its time-out")
    func call() throws {
        let (_, head) = try translate(
            Self.pseudo + [("content-type", "application/grpc+proto"), ("grpc-timeout", "2S")]
        ).get()
        #expect(head.isCall)
        #expect(head.timeoutNanoseconds == 2_000_000_000)
        #expect(try !translate(Self.pseudo + [("content-type", "application/json")]).get().head.isCall)
    }

    @Test("without :authority the host field counts, and both must agree")
    func hosts() throws {
        let bare = Self.pseudo.filter { $0.0 != ":authority" }
        #expect(try translate(bare + [("host", "other")]).get().text.contains("\r\nhost: other\r\n"))
        #expect(fault(bare) == .missingPseudoField)
        #expect(fault(Self.pseudo + [("host", "other")]) == .hostDiffers)
        #expect(try translate(Self.pseudo + [("host", "H:9000")]).get().text.contains("host: h:9000"))
        #expect(fault(bare + [("host", "a"), ("host", "a")]) == .hostDiffers)
        #expect(fault(Self.replaced(":authority", "user@h")) == .badAuthority)
    }

    private static func replaced(_ name: String, _ value: String) -> [(String, String)] {
        pseudo.map { $0.0 == name ? (name, value) : $0 }
    }

    @Test(
        "nothing in a field can end a line",
        arguments: [
            "a\r\nx: y", "a\nb", "a\rb", "a\u{0}b", "a\r\n\r\nGET / HTTP/1.1", "a\u{7f}", " a", "a ", "\ta",
        ])
    func values(value: String) {
        #expect(fault(Self.pseudo + [("x-user", value)]) == .badFieldValue)
        #expect(fault(Self.pseudo + [("cookie", value)]) == .badFieldValue)
    }

    @Test(
        "a path cannot end the request line",
        arguments: [
            "/a b", "/a\r\nx: y", "/a HTTP/1.1\r\nx: y\r\n\r\nGET /b", "", "a", "http://h/a", "/a#b", "/\u{e9}", "*",
        ])
    func paths(path: String) { #expect(fault(Self.replaced(":path", path)) == .badPath) }

    @Test("a method is a token, and a tunnel is refused", arguments: ["", "G T", "GET /x HTTP/1.1\r\n", "CONNECT"])
    func methods(method: String) { #expect(fault(Self.replaced(":method", method)) == .badMethod) }

    @Test("OPTIONS may be about the whole server")
    func options() throws {
        let fields = [(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "h")]
        #expect(try translate(fields, endsStream: true).get().text.hasPrefix("OPTIONS * HTTP/1.1\r\n"))
    }

    @Test(
        "names are lower-case tokens",
        arguments: ["X-User", "x user", "x:user", "", "x\r\ny", "x-user ", "content-length\u{0}"])
    func names(name: String) {
        #expect(fault(Self.pseudo + [(name, "v")]) == (name.hasPrefix(":") ? .unknownPseudoField : .badFieldName))
    }

    @Test(
        "fields of one connection are refused, above all those that frame a body",
        arguments: [
            ("transfer-encoding", "chunked"), ("connection", "close"), ("connection", "x-user"), ("keep-alive", "1"),
            ("proxy-connection", "x"), ("upgrade", "h2c"), ("http2-settings", "x"), ("te", "gzip"),
        ])
    func connectionFields(name: String, value: String) {
        #expect(fault(Self.pseudo + [(name, value)]) == .connectionField)
    }

    @Test("pseudo-header fields occur once, before all others, and no others exist")
    func pseudoFields() {
        #expect(fault(Self.pseudo + [(":path", "/b")]) == .duplicatePseudoField)
        #expect(fault([("x-user", "u")] + Self.pseudo) == .latePseudoField)
        #expect(fault(Self.pseudo + [("x-user", "u"), (":path", "/b")]) == .latePseudoField)
        #expect(fault(Self.pseudo + [(":status", "200")]) == .unknownPseudoField)
        #expect(fault(Self.pseudo + [(":protocol", "websocket")]) == .unknownPseudoField)
        for name in [":method", ":scheme", ":path"] {
            #expect(fault(Self.pseudo.filter { $0.0 != name }) == .missingPseudoField)
        }
        #expect(fault(Self.replaced(":scheme", "ftp")) == .badScheme)
    }

    @Test("a length is one plain number")
    func lengthFaults() {
        for value in ["-1", "+5", "5 ", "0x5", "5,5", "", "9999999999999999999"] {
            let found = fault(Self.pseudo + [("content-length", value)])
            #expect(found == .badContentLength || found == .badFieldValue)
        }
        #expect(fault(Self.pseudo + [("content-length", "5"), ("content-length", "5")]) == .duplicateContentLength)
        #expect(fault(Self.pseudo + [("content-length", "5")], endsStream: true) == .lengthMismatch)
    }
}

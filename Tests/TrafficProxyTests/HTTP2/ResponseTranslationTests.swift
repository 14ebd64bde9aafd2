import HTTP1
import NIOCore
import NIOHPACK
import Testing

@testable import TrafficProxy

@Suite("Answers from HTTP/2 to HTTP/1.1")
struct ResponseTranslationTests {
    private func translate(
        _ fields: [(String, String)], endsStream: Bool = false, isToHead: Bool = false, isCall: Bool = false
    ) -> Result<(text: String, head: ResponseTranslation.Head), HTTP2Fault> {
        var buffer = ByteBuffer()
        do {
            let head = try ResponseTranslation.write(
                HPACKHeaders(fields), endsStream: endsStream, isToHead: isToHead, isCall: isCall, to: &buffer)
            return .success((String(buffer: buffer), head))
        } catch {
            return .failure(error)
        }
    }

    private func fault(_ fields: [(String, String)], endsStream: Bool = false) -> HTTP2Fault? {
        if case .failure(let fault) = translate(fields, endsStream: endsStream) { fault } else { nil }
    }

    @Test("a call is chunked, whatever its length, because trailers follow")
    func call() throws {
        let fields = [(":status", "200"), ("content-type", "application/grpc"), ("content-length", "9")]
        let (text, head) = try translate(fields, isCall: true).get()
        #expect(head.framing == .chunked)
        #expect(text == "HTTP/1.1 200 \r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n")
    }

    @Test("an answer that ends with its head has its status in it")
    func trailersOnly() throws {
        let (text, head) = try translate([(":status", "200"), ("grpc-status", "14")], endsStream: true, isCall: true)
            .get()
        #expect(head.callStatus == "14")
        #expect(head.framing == .length(0))
        #expect(text.contains("content-length: 0\r\n"))
        #expect(try translate([(":status", "200"), ("grpc-status", "0")], isCall: true).get().head.callStatus == nil)
    }

    @Test("a plain answer keeps its length")
    func plain() throws {
        #expect(try translate([(":status", "200"), ("content-length", "5")]).get().head.framing == .length(5))
        let (text, head) = try translate(
            [(":status", "200"), ("content-length", "5")], endsStream: true, isToHead: true
        ).get()
        #expect(head.framing == .none)
        #expect(text.contains("content-length: 5"))
        #expect(try translate([(":status", "204")], endsStream: true).get().head.framing == .none)
    }

    @Test(
        "the result is a head that the scanner of HTTP/1.1 accepts", arguments: [false, true])
    func scanned(endsStream: Bool) throws {
        let (text, _) = try translate([(":status", "200"), ("x-a", "b")], endsStream: endsStream).get()
        var scanner = ResponseHeadScanner(limits: ProxyLimits())
        let scan = Array(text.utf8).withUnsafeBytes { scanner.scan($0, isToHead: false) }
        guard case .complete(let head) = scan else {
            Issue.record("\(scan)")
            return
        }
        #expect(head.status == 200)
        #expect(head.body == (endsStream ? .none : .chunked(ChunkedScanner())))
    }

    @Test("what HTTP/1.1 could read differently is refused")
    func faults() {
        let ok = (":status", "200")
        #expect(fault([("x", "y")]) == .missingPseudoField)
        #expect(fault([ok, ok]) == .duplicatePseudoField)
        #expect(fault([("x", "y"), ok]) == .latePseudoField)
        #expect(fault([(":path", "/")]) == .unknownPseudoField)
        for status in ["101", "99", "1000", "2 0", "-20", ""] { #expect(fault([(":status", status)]) == .badStatus) }
        #expect(fault([ok, ("transfer-encoding", "chunked")]) == .connectionField)
        #expect(fault([ok, ("x", "a\r\nb: c")]) == .badFieldValue)
        #expect(fault([ok, ("content-length", "5")], endsStream: true) == .lengthMismatch)
        #expect(fault([(":status", "204")]) == .lengthMismatch)
    }

    @Test("trailers are checked as fields are, and cannot frame or route")
    func trailers() throws {
        let fields = HPACKHeaders([("grpc-status", "0"), ("grpc-message", "fine")])
        #expect(try ResponseTranslation.trailers(fields) == fields)
        for name in [":status", "content-length", "transfer-encoding", "X", "host", "x-mlctl-revision"] {
            #expect(throws: HTTP2Fault.self) { try ResponseTranslation.trailers(HPACKHeaders([(name, "5")])) }
        }
    }
}

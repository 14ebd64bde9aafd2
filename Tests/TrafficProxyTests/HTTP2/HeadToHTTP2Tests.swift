import HTTP1
import NIOHPACK
import Testing

@testable import TrafficProxy

@Suite("Heads from HTTP/1.1 to HTTP/2")
struct HeadToHTTP2Tests {
    private func request(_ text: String) throws -> (fields: HPACKHeaders, isCall: Bool) {
        var scanner = RequestHeadScanner(limits: ProxyLimits())
        return try Array(text.utf8).withUnsafeBytes { raw in
            guard case .complete(let head) = scanner.scan(raw) else {
                throw ClientError(description: "no head: \(text)")
            }
            return HeadToHTTP2.request(head, raw.baseAddress!.assumingMemoryBound(to: UInt8.self))
        }
    }

    private func answer(_ text: String, dropsLength: Bool = false) throws -> HPACKHeaders {
        var scanner = ResponseHeadScanner(limits: ProxyLimits())
        return try Array(text.utf8).withUnsafeBytes { raw in
            guard case .complete(let head) = scanner.scan(raw, isToHead: false) else {
                throw ClientError(description: "no head: \(text)")
            }
            return HeadToHTTP2.answer(
                head, raw.baseAddress!.assumingMemoryBound(to: UInt8.self), dropsLength: dropsLength)
        }
    }

    @Test("fields of one connection are left out, names are lower-case, and a call says that it reads trailers")
    func call() throws {
        let (fields, isCall) = try request(
            "POST /p HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/grpc\r\nTE: trailers\r\nConnection: close\r\n"
                + "Transfer-Encoding: chunked\r\nX-User:  u \r\n\r\n")
        #expect(isCall)
        #expect(
            fields.map { "\($0.name)=\($0.value)" } == [
                ":method=POST", ":scheme=http", ":path=/p", ":authority=h:1", "content-type=application/grpc",
                "x-user=u", "te=trailers",
            ])
    }

    @Test("a plain request has no te, and keeps its length")
    func plain() throws {
        let (fields, isCall) = try request("PUT /p HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nte: trailers\r\n\r\n")
        #expect(!isCall)
        #expect(fields["te"].isEmpty)
        #expect(fields["content-length"] == ["3"])
    }

    @Test("an answer loses its framing, and a call that ends with its head its length")
    func answers() throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\nX-A: b\r\n\r\n"
        #expect(try answer(text).map { "\($0.name)=\($0.value)" } == [":status=200", "content-length=0", "x-a=b"])
        #expect(try answer(text, dropsLength: true).map(\.name) == [":status", "x-a"])
        #expect(try answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").map(\.name) == [":status"])
    }
}

import Testing

@testable import TrafficProxy

@Suite("First bytes of HTTP/2")
struct HTTP2PrefaceTests {
    @Test("the preface is recognised however it is cut")
    func cuts() {
        for count in 1..<HTTP2Preface.bytes.count {
            #expect(HTTP2Preface.match(HTTP2Preface.bytes.prefix(count)) == .partial)
        }
        #expect(HTTP2Preface.match(HTTP2Preface.bytes) == .whole)
        #expect(HTTP2Preface.match(HTTP2Preface.bytes + [0, 0, 0]) == .whole)
    }

    @Test(
        "requests of HTTP/1.1 are no preface", arguments: ["GET / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "POST /", "PUT"])
    func others(text: String) { #expect(HTTP2Preface.match(text.utf8) == .none) }
}

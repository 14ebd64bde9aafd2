import HTTP1
import NIOCore
import NIOHPACK

@testable import TrafficProxy

/// Fields of HTTP/2, from clients and from model servers.
extension FuzzTarget {
    /// In an input, byte 1 ends a name and byte 2 a value. Both are control characters, which no field may contain.
    private static let nameEnd: UInt8 = 1
    private static let valueEnd: UInt8 = 2

    private static func fields(_ input: [UInt8]) -> HPACKHeaders {
        var fields = HPACKHeaders()
        for pair in input.split(separator: valueEnd) {
            let parts = pair.split(separator: nameEnd, maxSplits: 1, omittingEmptySubsequences: false)
            // `HPACKHeaders` takes names of ASCII only; NIO's decoder leaves that to those who read them.
            let name = String(decoding: parts[0].map { $0 & 0x7f }, as: UTF8.self)
            fields.add(
                name: name,
                value: parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : "")
        }
        return fields
    }

    /// Requests that HTTP/1.1 servers read must be the ones that were sent: one head, one body, one host.
    static let http2Fields = FuzzTarget(
        "http2-fields", reads: "fields of HTTP/2, from clients and model servers", of: ["TrafficProxy", "HTTP1"],
        words: [
            ":method\u{1}POST\u{2}", ":scheme\u{1}http\u{2}", ":path\u{1}/a?b\u{2}", ":authority\u{1}h:1\u{2}",
            ":status\u{1}200\u{2}", "host\u{1}h:1\u{2}", "content-length\u{1}5\u{2}", "te\u{1}trailers\u{2}",
            "cookie\u{1}a=b\u{2}", "transfer-encoding\u{1}chunked\u{2}", "connection\u{1}x\u{2}",
            "upgrade\u{1}h2c\u{2}",
            "grpc-timeout\u{1}5S\u{2}", "grpc-status\u{1}14\u{2}", "content-type\u{1}application/grpc\u{2}", "\r\n",
            "\r", "\n", "\0", " ", "X", "HTTP/1.1", "\u{1}", "\u{2}",
        ]
    ) { input in
        let fields = fields(input)
        for endsStream in [false, true] {
            try checkRequest(fields, endsStream: endsStream)
            for isCall in [false, true] { try checkAnswer(fields, endsStream: endsStream, isCall: isCall) }
        }
        if let trailers = try? ResponseTranslation.trailers(fields) {
            try demand(!trailers.contains { $0.name.hasPrefix(":") }, "a trailer is a pseudo-header field")
        }
        for field in fields {
            _ = RPCStatus(field: field.value)
            if let time = RPCCall.timeoutNanoseconds(field.value) { try demand(time >= 0, "a time of \(time)") }
            let message = RPCStatus.message(field.value)
            try demand(message.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "a message with \(message)")
        }
    }

    private static func checkRequest(_ fields: HPACKHeaders, endsStream: Bool) throws {
        var buffer = ByteBuffer()
        guard let head = try? RequestTranslation.write(fields, endsStream: endsStream, to: &buffer) else { return }
        let text = String(buffer: buffer).debugDescription
        var limits = ProxyLimits()
        limits.requestHeadBytes = 4 * bytesMax
        limits.requestLineBytes = 4 * bytesMax
        limits.headFieldCount = bytesMax
        var scanner = RequestHeadScanner(limits: limits)
        switch buffer.withUnsafeReadableBytes({ scanner.scan($0) }) {
        case .incomplete: throw Violation(description: "no whole head: \(text)")
        // A host that starts a path, or a list.
        case .invalid(let fault): try demand(fault == .badHost, "\(fault): \(text)")
        case .complete(let scanned):
            try demand(scanned.length == buffer.readableBytes, "the head ends after \(scanned.length): \(text)")
            let isFramed =
                switch head.framing {
                case .none, .length(0): scanned.body == .none
                case .length(let length): scanned.body == .length(length)
                case .chunked: scanned.body == .chunked(ChunkedScanner())
                }
            try demand(isFramed, "\(head.framing) became \(scanned.body): \(text)")
            try demand(!scanner.spans.contains { $0.name.isHopByHop }, "a field of one connection: \(text)")
            try demand(scanner.spans.count { $0.name == .host } == 1, "not one host: \(text)")
            try demand(scanner.spans.count { $0.name == .cookie } <= 1, "several cookies: \(text)")
        }
    }

    private static func checkAnswer(_ fields: HPACKHeaders, endsStream: Bool, isCall: Bool) throws {
        var buffer = ByteBuffer()
        guard
            let head = try? ResponseTranslation.write(
                fields, endsStream: endsStream, isToHead: false, isCall: isCall, to: &buffer)
        else { return }
        let text = String(buffer: buffer).debugDescription
        var scanner = ResponseHeadScanner(headBytesMax: 4 * bytesMax, fieldsMax: bytesMax)
        guard case .complete(let scanned) = buffer.withUnsafeReadableBytes({ scanner.scan($0, isToHead: false) }) else {
            throw Violation(description: "no valid head: \(text)")
        }
        try demand(scanned.length == buffer.readableBytes, "the head ends after \(scanned.length): \(text)")
        try demand(scanned.status == head.status, "status \(scanned.status): \(text)")
        try demand(scanned.body != .untilClose, "the body has no end: \(text)")
        try demand(scanned.body.isDone == (head.framing == .none || head.framing == .length(0)), "\(head): \(text)")
    }
}

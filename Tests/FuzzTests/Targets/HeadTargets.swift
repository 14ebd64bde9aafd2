import HTTP1
import ModelManifests
import NIOCore
import Serving

@testable import TrafficProxy

/// HTTP/1 heads and bodies, from clients and from model servers.
extension FuzzTarget {
    private static let headWords = [
        "GET ", "POST ", "HEAD ", "OPTIONS * ", "CONNECT h:1 ", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "HTTP/1.1 200 OK\r\n",
        "\r\n", "\r\n\r\n", "\n", "\r", ": ", "Host: h\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n",
        "Connection: ", "close", "keep-alive", "Upgrade: h2c\r\n", "Cookie: u=1; v=2\r\n", "X-Forwarded-For: ",
        "X-Request-ID: ", "X-Mlctl-Request-Id: ", "Idempotency-Key: k\r\n", "http://h/", "Keep-Alive: 5\r\n",
        "TE: trailers\r\n", "HTTP2-Settings: x\r\n", "Expect: 100-continue\r\n", "x-user: a\r\n", "\t", "\u{7f}", "204",
        "304",
    ]

    private static let name = Revision(rawValue: "rev")
    private static let mint = RequestIdSigner(
        deployment: DeploymentKey(name: "d"), revision: name, key: RequestIdentityKey(low: 1, high: 2))
    private static let fields = RevisionFields(revision: name.rawValue)

    /// How much longer a rewritten head may be than the original.
    private static let roomier = {
        var limits = ProxyLimits()
        limits.requestHeadBytes = 4 * bytesMax
        limits.responseHeadBytes = 4 * bytesMax
        limits.requestLineBytes = 4 * bytesMax
        limits.headFieldCount += 16
        return limits
    }()

    static let requestHead = FuzzTarget(
        "http-request-head", reads: "heads of requests, from clients", of: ["HTTP1", "TrafficProxy"], words: headWords
    ) { input in
        let (whole, spans) = try scanned(input[...], ProxyLimits())
        for cut in Cuts.places(in: input) {
            let (part, _) = try scanned(input[..<cut], ProxyLimits())
            try demand(part == .incomplete || part == whole, "cut at \(cut): \(part), and whole: \(whole)")
        }
        guard case .complete(let head) = whole else { return }
        try demand(head.length <= input.count, "\(head.length) of \(input.count) bytes")
        try demand(input[..<head.length].suffix(4) == [13, 10, 13, 10], "does not end in an empty line")
        try checkSpans(spans, in: head.length)
        try GuardedBytes.reading(input[..<head.length]) { raw in
            let source = try start(of: raw)
            for key in [RequestKey(header: "X-User"), RequestKey(cookie: "u")] {
                guard let value = key.value(source, head, spans) else { continue }
                try demand(!value.isEmpty && value.upperBound <= head.length, "a key at \(value)")
            }
            var buffer = ByteBuffer()
            HeadWriter.write(
                head, source, spans, id: requestId(input), fields: fields, forwardedFor: Array("127.0.0.1".utf8),
                fallbackHost: Array("127.0.0.1:5".utf8), to: &buffer)
            try checkForwarded(Array(buffer: buffer), as: head, of: input)
        }
    }

    private static func scanned(
        _ input: ArraySlice<UInt8>, _ limits: ProxyLimits
    ) throws -> (HeadScan<RequestHead>, [FieldSpan]) {
        var scanner = RequestHeadScanner(limits: limits)
        let scan = try GuardedBytes.reading(input) { scanner.scan($0) }
        return (scan, scanner.spans)
    }

    private static func start(of raw: UnsafeRawBufferPointer) throws -> UnsafePointer<UInt8> {
        guard let start = raw.baseAddress else { throw Violation(description: "an empty head was accepted") }
        return start.assumingMemoryBound(to: UInt8.self)
    }

    private static func requestId(_ input: [UInt8]) -> RequestId {
        var id = RequestId()
        id.mint(mint, word: UInt64(input.count))
        return id
    }

    private static func checkSpans(_ spans: [FieldSpan], in length: Int) throws {
        var last = 0
        for span in spans {
            let isOrdered =
                last <= span.start && span.start < span.valueStart && span.valueStart <= span.valueEnd
                && span.valueEnd < span.end && span.end <= length
            try demand(isOrdered, "a field at \(span) of \(length) bytes")
            last = span.end
        }
    }

    /// Checks that the instance gets the same meaning as the client sent, for any server that parses as strictly as the proxy.
    private static func checkForwarded(_ written: [UInt8], as head: RequestHead, of input: [UInt8]) throws {
        let (again, spans) = try scanned(written[...], roomier)
        guard case .complete(let other) = again else {
            throw Violation(
                description: "forwarded as \(String(decoding: written, as: UTF8.self).debugDescription): \(again)")
        }
        try demand(other.length == written.count, "the forwarded head ends after \(other.length) of \(written.count)")
        try demand(other.body == head.body, "forwarded with the body \(other.body), and it came with \(head.body)")
        try demand(
            written[other.methodStart..<other.methodEnd] == input[head.methodStart..<head.methodEnd], "another method")
        try demand(other.hasHost && !other.namesConnectionFields, "host or connection fields are wrong")
        try demand(!spans.contains { $0.name.isHopByHop }, "a field of one connection is forwarded")
        for name in [FieldName.host, .mintedRequestId, .forwardedFor] {
            try demand(spans.count { $0.name == name } == 1, "not one field \(name)")
        }
    }

    static let responseHead = FuzzTarget(
        "http-response-head", reads: "heads of answers, from model servers", of: ["HTTP1", "TrafficProxy"],
        words: headWords
    ) { input in
        for isToHead in [false, true] {
            let (whole, spans) = try scannedAnswer(input[...], isToHead: isToHead)
            for cut in Cuts.places(in: input) {
                let (part, _) = try scannedAnswer(input[..<cut], isToHead: isToHead)
                try demand(part == .incomplete || part == whole, "cut at \(cut): \(part), and whole: \(whole)")
            }
            guard case .complete(let head) = whole else { continue }
            try demand(head.length <= input.count && (100...999).contains(head.status), "\(head)")
            try checkSpans(spans, in: head.length)
            try GuardedBytes.reading(input[..<head.length]) { raw in
                var buffer = ByteBuffer()
                HeadWriter.write(
                    head, try start(of: raw), spans, id: requestId(input), fields: fields,
                    options: HeadWriter.AnswerOptions(connection: .close), to: &buffer)
                let written = Array(buffer: buffer)
                let (again, _) = try scannedAnswer(written[...], isToHead: isToHead, limits: roomier)
                guard case .complete(let other) = again else {
                    throw Violation(
                        description:
                            "passed on as \(String(decoding: written, as: UTF8.self).debugDescription): \(again)")
                }
                try demand(other.length == written.count, "it ends after \(other.length) of \(written.count)")
                try demand(other.status == head.status && other.body == head.body, "\(other), and it came as \(head)")
                try demand(!other.keepAlive, "it does not close the connection")
            }
        }
    }

    private static func scannedAnswer(
        _ input: ArraySlice<UInt8>, isToHead: Bool, limits: ProxyLimits = ProxyLimits()
    ) throws -> (HeadScan<ResponseHead>, [FieldSpan]) {
        var scanner = ResponseHeadScanner(limits: limits)
        let scan = try GuardedBytes.reading(input) { scanner.scan($0, isToHead: isToHead) }
        return (scan, scanner.spans)
    }

    static let chunkedBody = FuzzTarget(
        "http-chunks", reads: "chunked bodies, from clients and model servers", of: ["HTTP1"],
        words: [
            "0\r\n\r\n", "5\r\nhello\r\n", ";a=b", "\r\n", "A: b\r\n", "Content-Length: 1\r\n", "fffffffffffffff",
            "00000",
        ]
    ) { input in
        let (end, payload) = try dechunked([input[...]])
        let (endOfPieces, payloadOfPieces) = try dechunked(Cuts.pieces(of: input))
        try demand(end == endOfPieces, "in pieces \(endOfPieces), and whole \(end)")
        try demand(payload == payloadOfPieces, "another payload if split into pieces")
        try demand(payload.count <= input.count, "\(payload.count) bytes of \(input.count)")
        guard case .done(let count) = end else { return }
        try demand(count <= input.count, "ends after \(count) of \(input.count)")
        let anew = Array("\(String(payload.count, radix: 16))\r\n".utf8) + payload + Array("\r\n0\r\n\r\n".utf8)
        let wire = payload.isEmpty ? Array("0\r\n\r\n".utf8) : anew
        let (endOfAnew, payloadOfAnew) = try dechunked([wire[...]])
        try demand(endOfAnew == .done(wire.count) && payloadOfAnew == payload, "chunked again it is \(endOfAnew)")
    }

    private static func dechunked(_ pieces: [ArraySlice<UInt8>]) throws -> (BodyFraming.Progress, [UInt8]) {
        var body = BodyFraming.chunked(ChunkedScanner())
        var payload: [UInt8] = []
        var taken = 0
        for piece in pieces {
            let progress = try GuardedBytes.reading(piece) { raw in
                body.decode(raw) { payload.append(contentsOf: raw[$0]) }
            }
            switch progress {
            case .more: taken += piece.count
            case .done(let count): return (.done(taken + count), payload)
            case .invalid: return (progress, payload)
            }
        }
        return (.more, payload)
    }
}

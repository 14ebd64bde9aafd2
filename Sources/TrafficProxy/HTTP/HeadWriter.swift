import HTTP1
import NIOCore

/// Writes the forwarded heads. Fields are copied unchanged, except those of one connection and those that the proxy sets.
enum HeadWriter {
    /// The most that a head can grow, without the client's own values.
    static let addedBytesMax = 768
    /// The most that a head can grow, with the client's own values: its address, and its request ID once more.
    static let growthMax = addedBytesMax + 512
    static let addedFieldsMax = 8

    /// - Parameters:
    ///   - forwardedFor: the client's address.
    ///   - fallbackHost: the Host for HTTP/1.0 clients that send none.
    static func write(
        _ head: RequestHead, _ source: UnsafePointer<UInt8>, _ spans: [FieldSpan], id: RequestId,
        fields: RevisionFields, forwardedFor: [UInt8], fallbackHost: [UInt8], to buffer: inout ByteBuffer
    ) {
        let bytesMax = head.length + forwardedFor.count + fallbackHost.count + id.given.count + addedBytesMax
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytesMax) { target in
            var out = ByteCursor(target.baseAddress!)
            out.append(source, (head.methodStart)..<head.methodEnd)
            out.append(" ")
            if head.path.isEmpty { out.append("/") } else { out.append(source, head.path) }
            out.append(" HTTP/1.1\r\n")
            if !head.authority.isEmpty || !head.hasHost {
                out.append("host: ")
                if head.authority.isEmpty { out.append(fallbackHost) } else { out.append(source, head.authority) }
                out.append("\r\n")
            }
            let replacesHost = !head.authority.isEmpty
            let hidesCookies = spans.contains {
                $0.name == .cookie && CookieFilter.hidesAny(source, $0.valueStart..<$0.valueEnd)
            }
            copyFields(
                source, from: head.fieldsStart, length: head.length, spans,
                namesConnectionFields: head.namesConnectionFields, to: &out
            ) { name in
                switch name {
                case .host: replacesHost
                case .cookie: hidesCookies
                case .requestId, .mintedRequestId, .forwardedFor: true
                default: name.isHopByHop
                }
            }
            for span in spans where hidesCookies && span.name == .cookie {
                CookieFilter.append(source, span.valueStart..<span.valueEnd, to: &out)
            }
            out.append("x-forwarded-for: ")
            for span in spans where span.name == .forwardedFor && span.valueStart < span.valueEnd {
                out.append(source, span.valueStart..<span.valueEnd)
                out.append(", ")
            }
            out.append(forwardedFor)
            out.append("\r\n")
            out.append(fields.upstreamBeforeMintedId)
            append(id, fields, to: &out)
            out.append("\r\n")
            return out.count
        }
    }

    /// What the proxy changes in the answer's head.
    struct AnswerOptions: Hashable, Sendable {
        enum Connection: Hashable, Sendable { case unsaid, close, keepAlive }

        var connection = Connection.unsaid
        /// The chunked coding is removed, or the answer has no body.
        var dropsTransferEncoding = false
        /// The proxy adds chunked coding.
        var addsTransferEncoding = false
    }

    static func write(
        _ head: ResponseHead, _ source: UnsafePointer<UInt8>, _ spans: [FieldSpan], id: RequestId,
        fields: RevisionFields, options: AnswerOptions, to buffer: inout ByteBuffer
    ) {
        let bytesMax = head.length + id.given.count + addedBytesMax
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytesMax) { target in
            var out = ByteCursor(target.baseAddress!)
            out.append("HTTP/1.1")
            out.append(source, head.afterVersion..<head.fieldsStart)
            copyFields(
                source, from: head.fieldsStart, length: head.length, spans,
                namesConnectionFields: head.namesConnectionFields, to: &out
            ) { name in
                switch name {
                case .requestId, .mintedRequestId, .revision: true
                case .transferEncoding: options.dropsTransferEncoding
                default: name.isHopByHop
                }
            }
            out.append(fields.answerBeforeMintedId)
            append(id, fields, to: &out)
            if options.addsTransferEncoding { out.append("transfer-encoding: chunked\r\n") }
            switch options.connection {
            case .unsaid: break
            case .close: out.append("connection: close\r\n")
            case .keepAlive: out.append("connection: keep-alive\r\n")
            }
            out.append("\r\n")
            return out.count
        }
    }

    /// Writes the rest of the minted ID and the `x-request-id` line.
    @inline(__always)
    private static func append(_ id: RequestId, _ fields: RevisionFields, to out: inout ByteCursor) {
        appendDigits(id, to: &out)
        if id.isGiven {
            out.append("x-request-id: ")
            out.append(id.given)
            out.append("\r\n")
        } else {
            out.append(fields.beforeOwnId)
            appendDigits(id, to: &out)
        }
    }

    @inline(__always)
    private static func appendDigits(_ id: RequestId, to out: inout ByteCursor) {
        out.append(hex: id.word)
        out.append("-")
        out.append(hex: id.proof)
        out.append("\r\n")
    }

    /// Copies the lines between dropped fields, one run at a time.
    @inline(__always)
    private static func copyFields(
        _ source: UnsafePointer<UInt8>, from start: Int, length: Int, _ spans: [FieldSpan],
        namesConnectionFields: Bool, to out: inout ByteCursor, drops: (FieldName) -> Bool
    ) {
        if namesConnectionFields {
            copyFieldsSlowly(source, from: start, length: length, spans, to: &out, drops: drops)
            return
        }
        var runStart = start
        for span in spans where drops(span.name) {
            out.append(source, runStart..<span.start)
            runStart = span.end
        }
        out.append(source, runStart..<length - 2)
    }

    /// The rare case: the Connection field names further fields, which are dropped too. It cannot name framing or routing fields.
    private static func copyFieldsSlowly(
        _ source: UnsafePointer<UInt8>, from start: Int, length: Int, _ spans: [FieldSpan],
        to out: inout ByteCursor, drops: (FieldName) -> Bool
    ) {
        var named: Set<[UInt8]> = []
        for span in spans where span.name == .connection {
            FieldScanner.forEachListItem(source, span.valueStart..<span.valueEnd) { item in
                named.insert(item.map { source[$0].lowercased })
            }
        }
        var lineStart = start
        while lineStart < length - 2 {
            var nameEnd = lineStart
            while source[nameEnd] != .colon { nameEnd += 1 }
            var lineEnd = nameEnd
            while source[lineEnd] != .carriageReturn { lineEnd += 1 }
            lineEnd += 2
            let name = FieldName(source + lineStart, count: nameEnd - lineStart)
            let isNamed = name == .other && named.contains((lineStart..<nameEnd).map { source[$0].lowercased })
            if !drops(name), !isNamed { out.append(source, lineStart..<lineEnd) }
            lineStart = lineEnd
        }
    }
}

/// The header bytes of one revision, made once.
struct RevisionFields: Sendable {
    /// `x-mlctl-revision: R CR LF x-mlctl-request-id: R-`, to be followed by the rest of our id.
    let answerBeforeMintedId: [UInt8]
    /// `x-mlctl-request-id: R-`, for the instance.
    let upstreamBeforeMintedId: [UInt8]
    /// `x-request-id: R-`, where the client gave no id of its own.
    let beforeOwnId: [UInt8]

    init(revision: String) {
        answerBeforeMintedId = Array("x-mlctl-revision: \(revision)\r\nx-mlctl-request-id: \(revision)-".utf8)
        upstreamBeforeMintedId = Array("x-mlctl-request-id: \(revision)-".utf8)
        beforeOwnId = Array("x-request-id: \(revision)-".utf8)
    }
}

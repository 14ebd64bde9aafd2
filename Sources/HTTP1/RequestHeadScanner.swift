/// Reads a request's head strictly (RFC 9112). One scanner per event loop serves all its connections.
package struct RequestHeadScanner: Sendable {
    private let headBytesMax: Int
    private let lineBytesMax: Int
    private let fieldsMax: Int
    /// The fields of the last head that the proxy handles, in order.
    package private(set) var spans: [FieldSpan] = []

    /// - Parameters:
    ///   - headBytesMax: of the whole head.
    ///   - lineBytesMax: of its first line.
    ///   - fieldsMax: of its header fields.
    package init(headBytesMax: Int, lineBytesMax: Int, fieldsMax: Int) {
        self.headBytesMax = headBytesMax
        self.lineBytesMax = lineBytesMax
        self.fieldsMax = fieldsMax
        spans.reserveCapacity(32)
    }

    package mutating func scan(_ buffer: UnsafeRawBufferPointer) -> HeadScan<RequestHead> {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return .incomplete }
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        let count = min(buffer.count, headBytesMax)
        let whenCut: HeadScan<RequestHead> = buffer.count >= headBytesMax ? .invalid(.headTooLarge) : .incomplete
        spans.removeAll(keepingCapacity: true)

        // One empty line before a request is allowed (RFC 9112, section 2.2).
        var start = 0
        if bytes[0] == .carriageReturn {
            guard count > 1 else { return .incomplete }
            guard bytes[1] == .lineFeed else { return .invalid(.bareCarriageReturn) }
            start = 2
        }
        var head: RequestHead
        switch scanLine(bytes, from: start, count: count) {
        case .incomplete: return whenCut
        case .invalid(let fault): return .invalid(fault)
        case .complete(let line): head = line
        }
        switch FieldScanner.scan(
            bytes, from: head.fieldsStart, count: count, fieldLimit: fieldsMax, spans: &spans)
        {
        case .incomplete: return whenCut
        case .invalid(let fault): return .invalid(fault)
        case .end(let length): head.length = length
        }
        if let fault = interpret(&head, bytes) { return .invalid(fault) }
        return .complete(head)
    }

    /// `METHOD SP TARGET SP HTTP/1.x CR LF`
    private func scanLine(
        _ bytes: UnsafePointer<UInt8>, from start: Int, count: Int
    ) -> HeadScan<RequestHead> {
        let end = min(count, start + lineBytesMax)
        let whenCut: HeadScan<RequestHead> =
            end == start + lineBytesMax ? .invalid(.requestLineTooLong) : .incomplete
        var offset = start
        while offset < end, bytes[offset].isToken { offset += 1 }
        guard offset < end else { return whenCut }
        guard bytes[offset] == .space, offset > start else {
            return .invalid(bytes[offset] == .lineFeed ? .bareLineFeed : .badMethod)
        }
        let method = Self.method(bytes + start, count: offset - start)
        let methodEnd = offset
        offset += 1
        let targetStart = offset
        while offset < end, bytes[offset].isTarget { offset += 1 }
        guard offset < end else { return whenCut }
        guard bytes[offset] == .space, offset > targetStart else {
            // "GET /path" alone is HTTP/0.9. Two spaces leave an empty target.
            let endsEarly = bytes[offset] == .space || bytes[offset] == .carriageReturn || bytes[offset] == .lineFeed
            return .invalid(endsEarly ? .badRequestLine : .badTarget)
        }
        guard let (path, authority) = Self.target(bytes, targetStart..<offset, method) else {
            return .invalid(.badTarget)
        }
        offset += 1
        let version: StaticString = "HTTP/"
        for index in 0..<5 {
            guard offset < end else { return whenCut }
            guard bytes[offset] == version.utf8Start[index] else { return .invalid(.badVersion) }
            offset += 1
        }
        guard offset + 3 <= end else { return whenCut }
        let (major, dot, minor) = (bytes[offset], bytes[offset + 1], bytes[offset + 2])
        guard major.isDigit, dot == 0x2e, minor.isDigit else { return .invalid(.badVersion) }
        guard major == 0x31, minor == 0x30 || minor == 0x31 else { return .invalid(.unsupportedVersion) }
        offset += 3
        guard offset < end else { return whenCut }
        guard bytes[offset] == .carriageReturn else {
            return .invalid(bytes[offset] == .lineFeed ? .bareLineFeed : .badRequestLine)
        }
        guard offset + 1 < end else { return whenCut }
        guard bytes[offset + 1] == .lineFeed else { return .invalid(.bareCarriageReturn) }
        return .complete(
            RequestHead(
                method: method, methodStart: start, methodEnd: methodEnd, path: path, authority: authority,
                fieldsStart: offset + 2,
                length: 0, isVersion10: minor == 0x30, keepAlive: minor == 0x31, body: .none))
    }

    /// The four forms of a target (RFC 9112, section 3.2).
    private static func target(
        _ bytes: UnsafePointer<UInt8>, _ range: Range<Int>, _ method: RequestHead.Method
    ) -> (path: Range<Int>, authority: Range<Int>)? {
        let start = range.lowerBound
        let none = start..<start
        if bytes[start] == .slash { return (range, none) }
        if method == .connect { return (range, none) }
        if range.count == 1, bytes[start] == .asterisk { return method == .options ? (range, none) : nil }
        let scheme = 7
        guard range.count > scheme, FieldScanner.equals(bytes, start..<start + scheme, "http://") else { return nil }
        var end = start + scheme
        while end < range.upperBound, bytes[end] != .slash, bytes[end] != .questionMark { end += 1 }
        let authority = start + scheme..<end
        guard !authority.isEmpty, isHost(bytes, authority) else { return nil }
        // "http://host?query" has a query but no path. It is refused, because a client can send the slash.
        guard end == range.upperBound || bytes[end] == .slash else { return nil }
        return (end..<range.upperBound, authority)
    }

    /// Interprets the fields together, once the head is complete.
    private func interpret(_ head: inout RequestHead, _ bytes: UnsafePointer<UInt8>) -> HeadFault? {
        var contentLength: Int?
        var isChunked = false
        for span in spans {
            let value = span.valueStart..<span.valueEnd
            switch span.name {
            case .host:
                if head.hasHost { return .duplicateHost }
                guard Self.isHost(bytes, value) else { return .badHost }
                head.hasHost = true
            case .contentLength:
                if contentLength != nil { return .duplicateContentLength }
                guard let length = Self.number(bytes, value) else { return .badContentLength }
                contentLength = length
            case .transferEncoding:
                if isChunked { return .duplicateTransferEncoding }
                if head.isVersion10 { return .encodingInOldVersion }
                guard FieldScanner.equals(bytes, value, "chunked") else { return .unsupportedTransferEncoding }
                isChunked = true
            case .connection: interpretConnection(&head, bytes, value)
            case .upgrade:
                let isH2C = FieldScanner.equals(bytes, value, "h2c")
                head.upgrade = isH2C && head.upgrade != .other ? .h2c : .other
            case .idempotencyKey: head.hasIdempotencyKey = true
            default: break
            }
        }
        if isChunked, contentLength != nil { return .lengthAndEncoding }
        if !head.hasHost, !head.isVersion10 { return .missingHost }
        if isChunked {
            head.body = .chunked(ChunkedScanner())
        } else if let contentLength, contentLength > 0 {
            head.body = .length(contentLength)
        }
        return nil
    }

    private func interpretConnection(_ head: inout RequestHead, _ bytes: UnsafePointer<UInt8>, _ value: Range<Int>) {
        // The most common case first.
        if FieldScanner.equals(bytes, value, "keep-alive") {
            head.keepAlive = true
            return
        }
        FieldScanner.forEachListItem(bytes, value) { item in
            if FieldScanner.equals(bytes, item, "close") {
                head.keepAlive = false
            } else if FieldScanner.equals(bytes, item, "keep-alive") {
                head.keepAlive = true
            } else if FieldName(bytes + item.lowerBound, count: item.count).isHopByHop {
                // These fields are removed anyway.
            } else {
                head.namesConnectionFields = true
            }
        }
    }

    private static func method(_ bytes: UnsafePointer<UInt8>, count: Int) -> RequestHead.Method {
        // Methods are case-sensitive.
        func matches(_ name: StaticString) -> Bool {
            name.utf8CodeUnitCount == count && (0..<count).allSatisfy { bytes[$0] == name.utf8Start[$0] }
        }
        switch bytes[0] {
        case 0x47: return matches("GET") ? .get : .other
        case 0x48: return matches("HEAD") ? .head : .other
        case 0x50: return matches("POST") ? .post : matches("PUT") ? .put : .other
        case 0x44: return matches("DELETE") ? .delete : .other
        case 0x4f: return matches("OPTIONS") ? .options : .other
        case 0x54: return matches("TRACE") ? .trace : .other
        case 0x43: return matches("CONNECT") ? .connect : .other
        default: return .other
        }
    }

    /// A plain number of at most 18 digits.
    package static func number(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty, range.count <= 18 else { return nil }
        var number = 0
        for index in range {
            guard bytes[index].isDigit else { return nil }
            number = number * 10 + Int(bytes[index] - 0x30)
        }
        return number
    }

    /// May be empty. Must not contain a character that starts a path, a list or user information.
    private static func isHost(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) -> Bool {
        range.allSatisfy { index in
            switch bytes[index] {
            case 0x2f, 0x5c, 0x40, 0x2c, 0x3f, 0x23: false  // / \ @ , ? #
            default: bytes[index].isTarget
            }
        }
    }
}

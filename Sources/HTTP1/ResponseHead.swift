/// What the proxy must know of an answer's head. Offsets are bytes from the head's start.
package struct ResponseHead: Hashable, Sendable {
    package var status: Int
    /// Where the status line's text after the version begins, including its space.
    package var afterVersion: Int
    package var fieldsStart: Int
    package var length: Int
    package var isVersion10: Bool
    package var keepAlive: Bool
    package var body: BodyFraming
    /// See `RequestHead.namesConnectionFields`.
    package var namesConnectionFields = false

    /// An informational answer before the final one, such as 100 Continue.
    package var isInterim: Bool { status < 200 }
}

/// Reads an answer's head strictly (RFC 9112).
package struct ResponseHeadScanner: Sendable {
    private let headBytesMax: Int
    private let fieldsMax: Int
    package private(set) var spans: [FieldSpan] = []

    /// - Parameters:
    ///   - headBytesMax: of the whole head.
    ///   - fieldsMax: of its header fields.
    package init(headBytesMax: Int, fieldsMax: Int) {
        self.headBytesMax = headBytesMax
        self.fieldsMax = fieldsMax
        spans.reserveCapacity(32)
    }

    /// - Parameter isToHead: the request was HEAD, so its answer has no body, whatever its fields say.
    package mutating func scan(_ buffer: UnsafeRawBufferPointer, isToHead: Bool) -> HeadScan<ResponseHead> {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return .incomplete }
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        let count = min(buffer.count, headBytesMax)
        let whenCut: HeadScan<ResponseHead> = buffer.count >= headBytesMax ? .invalid(.headTooLarge) : .incomplete
        spans.removeAll(keepingCapacity: true)
        var head: ResponseHead
        switch scanLine(bytes, count: count) {
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
        if let fault = interpret(&head, bytes, isToHead: isToHead) { return .invalid(fault) }
        return .complete(head)
    }

    /// `HTTP/1.x SP CODE [SP REASON] CR LF`
    private func scanLine(_ bytes: UnsafePointer<UInt8>, count: Int) -> HeadScan<ResponseHead> {
        let version: StaticString = "HTTP/1."
        for index in 0..<7 {
            guard index < count else { return .incomplete }
            guard bytes[index] == version.utf8Start[index] else { return .invalid(.badStatusLine) }
        }
        guard count > 12 else { return .incomplete }
        guard bytes[7] == 0x30 || bytes[7] == 0x31, bytes[8] == .space,
            bytes[9].isDigit, bytes[10].isDigit, bytes[11].isDigit, bytes[9] >= 0x31,
            bytes[12] == .space || bytes[12] == .carriageReturn
        else { return .invalid(.badStatusLine) }
        let status = Int(bytes[9] - 0x30) * 100 + Int(bytes[10] - 0x30) * 10 + Int(bytes[11] - 0x30)
        let end = FieldScanner.endOfFieldContent(bytes, from: 12, count: count)
        guard end < count else { return .incomplete }
        guard bytes[end] == .carriageReturn else { return .invalid(.badStatusLine) }
        guard end + 1 < count else { return .incomplete }
        guard bytes[end + 1] == .lineFeed else { return .invalid(.bareCarriageReturn) }
        let isVersion10 = bytes[7] == 0x30
        return .complete(
            ResponseHead(
                status: status, afterVersion: 8, fieldsStart: end + 2, length: 0, isVersion10: isVersion10,
                keepAlive: !isVersion10, body: .none))
    }

    private func interpret(
        _ head: inout ResponseHead, _ bytes: UnsafePointer<UInt8>, isToHead: Bool
    ) -> HeadFault? {
        var contentLength: Int?
        var isChunked = false
        for span in spans {
            let value = span.valueStart..<span.valueEnd
            switch span.name {
            case .contentLength:
                if contentLength != nil { return .duplicateContentLength }
                guard let length = RequestHeadScanner.number(bytes, value) else { return .badContentLength }
                contentLength = length
            case .transferEncoding:
                if isChunked { return .duplicateTransferEncoding }
                if head.isVersion10 { return .encodingInOldVersion }
                guard FieldScanner.equals(bytes, value, "chunked") else { return .unsupportedTransferEncoding }
                isChunked = true
            case .connection:
                FieldScanner.forEachListItem(bytes, value) { item in
                    if FieldScanner.equals(bytes, item, "close") {
                        head.keepAlive = false
                    } else if FieldScanner.equals(bytes, item, "keep-alive") {
                        head.keepAlive = true
                    } else if !FieldName(bytes + item.lowerBound, count: item.count).isHopByHop {
                        head.namesConnectionFields = true
                    }
                }
            default: break
            }
        }
        if isChunked, contentLength != nil { return .lengthAndEncoding }
        if isToHead || head.isInterim || head.status == 204 || head.status == 304 {
            head.body = .none
        } else if isChunked {
            head.body = .chunked(ChunkedScanner())
        } else if let contentLength {
            head.body = contentLength > 0 ? .length(contentLength) : .none
        } else {
            head.body = .untilClose
        }
        return nil
    }
}

import HTTP1
import NIOCore

/// Reads requests, one at a time, and decides where each goes.
extension ClientConnection {
    func consumeInput() {
        var bytes = input
        input = ByteBuffer()
        consume(&bytes)
    }

    func consume(_ bytes: inout ByteBuffer) {
        isConsuming = true
        reading: while bytes.readableBytes > 0 {
            guard phase == .idle || phase == .readingHead else { break }
            switch bytes.withUnsafeReadableBytes({ plane.requestScanner.scan($0) }) {
            case .incomplete:
                awaitHead()
                break reading
            case .invalid(let fault):
                if isNew, stream == nil {
                    // A client that speaks HTTP/2 without asking begins with a request that HTTP/1.1 does not have.
                    switch HTTP2Preface.match(bytes.readableBytesView) {
                    case .none: break
                    case .partial:
                        awaitHead()
                        break reading
                    case .whole:
                        isConsuming = false
                        speakHTTP2(bytes)
                        return
                    }
                }
                bytes.clear()
                refuse(LocalReply(fault))
            case .complete(let head):
                begin(head, &bytes)
            }
        }
        isConsuming = false
        if bytes.readableBytes > 0 { hold(&bytes) }
    }

    private func awaitHead() {
        guard phase == .idle else { return }
        phase = .readingHead
        setDeadline(plane.now + plane.headReadNanoseconds)
    }

    func hold(_ bytes: inout ByteBuffer) {
        if phase == .lingering {
            linger(bytes.readableBytes)
            return
        }
        if input.readableBytes == 0 { input.clear() }
        input.writeBuffer(&bytes)
        updateReading()
    }

    private func begin(_ head: RequestHead, _ bytes: inout ByteBuffer) {
        let now = plane.now
        phase = .exchanging
        exchange = Exchange()
        exchange.isToHead = head.method == .head
        exchange.isVersion10 = head.isVersion10
        exchange.keepAlive = head.keepAlive
        exchange.mayRepeat = head.mayRepeat
        exchange.requestBody = head.body
        exchange.requestIsWhole = head.body.isDone
        exchange.startedAt = now
        isNew = false
        if let stream { beginStream(stream, now: now) }
        revision = nil
        if let own = choose(head, bytes) {
            bytes.moveReaderIndex(forwardBy: head.length)
            if !exchange.requestIsWhole { readBody(&bytes) }
            if phase == .exchanging { answer(own) }
            return
        }
        drawTap(head, bytes)
        bytes.moveReaderIndex(forwardBy: head.length)
        if !exchange.requestIsWhole {
            readBody(&bytes)
            guard phase == .exchanging else { return }
        }
        setDeadline(exchange.startedAt &+ exchange.timeoutNanoseconds)
        let tap = tap
        dispatch(now: now, besides: nil, reuses: true)
        notifyTapOfRequestEnd(tap)
    }

    /// Decides where the request goes and writes its new head. Returns an answer if it cannot go anywhere.
    private func choose(_ head: RequestHead, _ bytes: ByteBuffer) -> LocalReply? {
        bytes.withUnsafeReadableBytes { raw in
            let source = raw.baseAddress!.assumingMemoryBound(to: UInt8.self)
            readProxyFields(source)
            if let own = Self.unsupported(head, plane.limits) {
                exchange.keepAlive = false
                return own
            }
            guard let route = listener.route else {
                exchange.keepAlive = false
                return LocalReply(503, "this endpoint was removed. See 'mlctl status'.", retryAfterSeconds: 1)
            }
            let isUsers = exchange.origin == .user
            guard
                let choice = listener.preview.map(LiveRoute.Choice.init(preview:))
                    ?? route.choose(
                        source, head, plane.requestScanner.spans, isUsers: isUsers, now: exchange.startedAt,
                        &plane.random)
            else {
                if route.isOpen { noteRefused(by: route.tally) }
                return route.unavailable
            }
            guard let instance = choice.revision.instances.first else { return route.unavailable }
            revision = choice.revision
            requestId.mint(choice.revision.mint, word: plane.requestWords.next())
            exchange.isEvidence = choice.isEvidence
            exchange.isDrawn = choice.isDrawn
            exchange.user = choice.user
            exchange.timeoutNanoseconds = route.requestTimeoutNanoseconds
            requestBytes.clear()
            HeadWriter.write(
                head, source, plane.requestScanner.spans, id: requestId, fields: choice.revision.fields,
                forwardedFor: address, fallbackHost: instance.hostField, to: &requestBytes)
            if let table = route.tally.slices, isUsers, choice.isEvidence { mark(head, source, by: table) }
            return nil
        }
    }

    /// Reads the request's origin, and the ID that the client gave it.
    @inline(__always)
    private func readProxyFields(_ source: UnsafePointer<UInt8>) {
        requestId.forgetGiven()
        if listener.preview != nil { exchange.origin = .preview }
        for span in plane.requestScanner.spans {
            let value = span.valueStart..<span.valueEnd
            switch span.name {
            case .requestId where !requestId.isGiven: _ = requestId.take(source, value)
            case .synthetic where exchange.origin == .user && FieldScanner.equals(source, value, "true"):
                exchange.origin = .synthetic
            default: break
            }
        }
    }

    private static func unsupported(_ head: RequestHead, _ limits: ProxyLimits) -> LocalReply? {
        if head.method == .connect { return LocalReply(501, "CONNECT is not supported: this is not a forward proxy") }
        if head.upgrade == .other {
            return LocalReply(
                501, "protocol upgrades are not supported: use HTTP/1.1, and server-sent events to stream")
        }
        if let most = limits.requestBodyBytes, case .length(let length) = head.body, length > most {
            return LocalReply(413, "the body is over \(most) bytes. Send less.")
        }
        return nil
    }

    /// Takes the bytes of the request's body: forwards them to the instance, or buffers them in `requestBytes` until there is
    /// one.
    func readBody(_ bytes: inout ByteBuffer) {
        var count = bytes.readableBytes
        switch bytes.withUnsafeReadableBytes({ exchange.requestBody.consume($0) }) {
        case .more: break
        case .done(let last):
            count = last
            exchange.requestIsWhole = true
        case .invalid(let fault):
            bytes.clear()
            rejectBody(LocalReply(fault))
            return
        }
        guard revision != nil else {
            // The proxy itself will answer.
            bytes.moveReaderIndex(forwardBy: count)
            return
        }
        exchange.startedAt = plane.now
        if !exchange.answerHasBegun, queue == nil { setDeadline(exchange.startedAt &+ exchange.timeoutNanoseconds) }
        let fits = requestBytes.readableBytes + count <= plane.limits.bufferedRequestBytes
        if upstream == nil || (exchange.isHeld && fits) {
            bytes.withUnsafeReadableBytes { raw in
                _ = requestBytes.writeBytes(UnsafeRawBufferPointer(rebasing: raw[..<count]))
            }
        } else {
            exchange.isHeld = false
        }
        if let upstream {
            upstream.write(bytes.getSlice(at: bytes.readerIndex, length: count)!)
            upstreamNeedsFlush = true
        }
        if let tap {
            bytes.withUnsafeReadableBytes { tap.requestPart(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
        bytes.moveReaderIndex(forwardBy: count)
        updateReading()
    }

    /// The framing of the body is invalid, so nothing more on this connection can be trusted.
    private func rejectBody(_ own: LocalReply) {
        exchange.keepAlive = false
        leaveInstance()
        if exchange.answerHasBegun { close() } else { answer(own) }
    }
}

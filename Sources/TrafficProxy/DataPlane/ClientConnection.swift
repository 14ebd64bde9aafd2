import HTTP1
import ModelManifests
import NIOCore

/// One client connection. Reads requests, one at a time, and sends each to an instance.
///
/// `ClientConnection+Attempts` sends a request to an instance, `ClientConnection+Answer` returns the answer. Everything runs on
/// the data plane's only event loop, so nothing here needs a lock.
final class ClientConnection: ChannelInboundHandler, UpstreamCaller {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let plane: DataPlane
    let listener: Listener
    /// The index in the data plane's list of clients.
    var slot = -1
    private(set) var phase = ClientPhase.idle {
        didSet { assert(phase == oldValue || oldValue.canBecome(phase), "\(oldValue) cannot become \(phase)") }
    }
    private(set) var deadline: Int64
    var context: ChannelHandlerContext?

    var exchange = Exchange()
    var requestId = RequestId()
    var revision: LiveRevision?
    var instance: Instance?
    /// The queue in which the request waits for room at an instance.
    var queue: AdmissionQueue?
    var upstream: UpstreamConnection?
    /// Observes this request, if it was drawn for that.
    var tap: ExchangeTap?
    /// The request as it is sent to the instance: its head, and the buffered part of its body.
    var requestBytes = ByteBuffer()
    /// The answer's head as it is sent to the client, and the part of the body that goes with it.
    var answerBytes = ByteBuffer()
    var hasPendingAnswer = false

    /// Bytes that belong to the next head or request.
    private var input = ByteBuffer()
    private var address: [UInt8] = Array("127.0.0.1".utf8)
    private var isConsuming = false
    private(set) var isReading = true
    private var upstreamNeedsFlush = false
    private var lingeredBytes = 0

    init(plane: DataPlane, listener: Listener) {
        self.plane = plane
        self.listener = listener
        deadline = plane.now + plane.clientIdleNanoseconds
    }

    var isToHead: Bool { exchange.isToHead }
    var requestIsWhole: Bool { exchange.requestIsWhole }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if let ip = context.remoteAddress?.ipAddress { address = Array(ip.utf8) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        if !plane.admit(self) {
            refuse(LocalReply(503, "too many connections. Close some, or use keep-alive.", retryAfterSeconds: 1))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch phase {
        case .idle:
            consume(&bytes)
        case .readingHead:
            // A head is scanned again only when another line is complete, so slow heads cost no more than their lines.
            let hasLineEnd = bytes.readableBytesView.contains(.lineFeed)
            input.writeBuffer(&bytes)
            if hasLineEnd || input.readableBytes >= plane.limits.requestHeadBytes { consumeInput() }
        case .exchanging:
            if !exchange.requestIsWhole { readBody(&bytes) }
            if bytes.readableBytes > 0 { hold(&bytes) }
        case .lingering:
            linger(bytes.readableBytes)
        case .closed:
            break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if upstreamNeedsFlush {
            upstreamNeedsFlush = false
            upstream?.flush()
        }
        notifyTapOfRequestEnd(tap)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        upstream?.setReading(context.channel.isWritable)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// The client closed the connection: its request is abandoned.
    func channelInactive(context: ChannelHandlerContext) {
        countAbandoned()
        settle(\.lost)
        phase = .closed
        leaveInstance()
        tap = nil
        plane.remove(self)
    }

    // MARK: Reading requests

    private func consumeInput() {
        var bytes = input
        input = ByteBuffer()
        consume(&bytes)
    }

    private func consume(_ bytes: inout ByteBuffer) {
        isConsuming = true
        reading: while bytes.readableBytes > 0 {
            guard phase == .idle || phase == .readingHead else { break }
            switch bytes.withUnsafeReadableBytes({ plane.requestScanner.scan($0) }) {
            case .incomplete:
                if phase == .idle {
                    phase = .readingHead
                    deadline = plane.now + plane.headReadNanoseconds
                }
                break reading
            case .invalid(let fault):
                bytes.clear()
                refuse(LocalReply(fault))
            case .complete(let head):
                begin(head, &bytes)
            }
        }
        isConsuming = false
        if bytes.readableBytes > 0 { hold(&bytes) }
    }

    private func hold(_ bytes: inout ByteBuffer) {
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
        deadline = exchange.startedAt &+ exchange.timeoutNanoseconds
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
    private func readBody(_ bytes: inout ByteBuffer) {
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
        if !exchange.answerHasBegun, queue == nil { deadline = exchange.startedAt &+ exchange.timeoutNanoseconds }
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

    /// Reads from the client while there is room for its bytes.
    func updateReading() {
        let reads = phase.reads(
            requestIsWhole: exchange.requestIsWhole,
            ClientPhase.Buffers(
                isUpstreamWritable: upstream?.isWritable, requestBytes: requestBytes.readableBytes,
                requestBytesMax: plane.limits.bufferedRequestBytes, pipelinedBytes: input.readableBytes,
                pipelinedBytesMax: plane.limits.pipelinedBytes))
        guard reads != isReading, let context else { return }
        isReading = reads
        try? context.channel.syncOptions?.setOption(.autoRead, value: reads)
        if reads { context.read() }
    }

    // MARK: Ending

    /// The answer was sent completely: the instance is free, and the connection continues or ends.
    @inline(__always)
    func exchangeIsOver(release connection: UpstreamConnection?) {
        let now = plane.now
        let served = instance
        upstream = nil
        tap = nil
        if let served {
            instance = nil
            if let connection { served.release(connection, now: now) }
            served.leave()
        }
        if exchange.closes || !exchange.requestIsWhole {
            beginLinger()
            return
        }
        phase = .idle
        deadline =
            now + (plane.isDraining || listener.isRemoved ? plane.lingerNanoseconds : plane.clientIdleNanoseconds)
        if input.readableBytes > 0, !isConsuming { consumeInput() }
        updateReading()
    }

    /// Answers and ends the connection, whatever was requested.
    func refuse(_ own: LocalReply) {
        if phase != .exchanging {
            phase = .exchanging
            exchange = Exchange()
            revision = nil
            requestId.forgetGiven()
        }
        exchange.keepAlive = false
        answer(own)
    }

    private func linger(_ count: Int) {
        lingeredBytes += count
        if lingeredBytes > plane.limits.lingerBytes { close() }
    }

    private func beginLinger() {
        guard phase != .closed, let context else { return }
        phase = .lingering
        input = ByteBuffer()
        // A slow client gets the idle time of a body to read the answer, and then a short time to close.
        deadline = plane.now + plane.bodyIdleNanoseconds
        updateReading()
        let flushed = context.eventLoop.makePromise(of: Void.self)
        flushed.futureResult.assumeIsolated().whenComplete { [weak self] _ in
            guard let self else { return }
            self.deadline = self.plane.now + self.plane.lingerNanoseconds
        }
        context.close(mode: .output, promise: flushed)
    }

    func close() {
        guard phase != .closed else { return }
        leaveInstance()
        phase = .closed
        context?.close(promise: nil)
    }

    /// The proxy stops, or the endpoint was removed: closes now if no request is in progress.
    func drain() {
        if phase == .idle { close() }
    }

    /// Ends a request that exceeded the drain time of its instance. This is nobody's failure, so it is counted for no revision.
    /// - Returns: the deployment of the request. Nil if the request continues.
    func cutIfOverdue(now: Int64) -> DeploymentKey? {
        guard phase == .exchanging, let instance else { return nil }
        guard now > (exchange.isStream ? instance.streamDeadline : instance.drainDeadline) else { return nil }
        let deployment = instance.key.deployment
        if exchange.answerHasBegun {
            close()
        } else {
            leaveInstance()
            answer(
                LocalReply(
                    503, "\(instance.described) was removed before it could answer. Try again.",
                    retryAfterSeconds: 1))
        }
        return deployment
    }

    func setDeadline(_ deadline: Int64) { self.deadline = deadline }

    func deadlinePassed(now: Int64) {
        switch phase.atDeadline(exchange, isQueued: queue != nil, isReading: isReading) {
        case .nothing: break
        case .close: close()
        case .refuseHead:
            refuse(LocalReply(408, "the request head did not arrive in time. Send it without a delay."))
        case .refuseBody:
            exchange.keepAlive = false
            leaveInstance()
            answer(LocalReply(408, "the request body did not arrive in time. Send it without a delay."))
        case .leaveQueue: queueTimedOut()
        case .failAttempt: attemptFailed(.timeOut, "\(instance?.described ?? "the instance") did not answer in time")
        case .endStalledAnswer: answerStalled(now: now)
        }
    }
}

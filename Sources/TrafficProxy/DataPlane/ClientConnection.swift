import HTTP1
import ModelManifests
import NIOCore
import NIOTLS

/// One client connection, or one request of an HTTP/2 connection. Reads requests, one at a time, and sends each to an instance.
///
/// `ClientConnection+Requests` reads a request, `ClientConnection+Attempts` sends it to an instance, and
/// `ClientConnection+Answer` returns the answer. Everything runs on
/// the data plane's only event loop, so nothing here needs a lock.
final class ClientConnection: ChannelInboundHandler, RemovableChannelHandler, UpstreamCaller {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let plane: DataPlane
    let listener: Listener
    /// For a request of an HTTP/2 connection, which it translates to HTTP/1.1 and back.
    let stream: ClientStreamCodec?
    /// It has had no request, so it may turn out to speak HTTP/2.
    var isNew = true
    /// It was accepted with TLS, or without, and that has changed since.
    var isOutdated = false
    /// The index in the data plane's list of clients.
    var slot = -1
    var phase = ClientPhase.idle {
        didSet { assert(phase == oldValue || oldValue.canBecome(phase), "\(oldValue) cannot become \(phase)") }
    }
    private(set) var deadline: Int64
    /// When the last byte of an answer arrived.
    var movedAt: Int64 = 0
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
    var input = ByteBuffer()
    var address: [UInt8] = Array("127.0.0.1".utf8)
    var isConsuming = false
    private(set) var isReading = true
    var upstreamNeedsFlush = false
    private var lingeredBytes = 0

    init(plane: DataPlane, listener: Listener, stream: ClientStreamCodec? = nil) {
        self.plane = plane
        self.listener = listener
        self.stream = stream
        deadline = plane.now + plane.clientIdleNanoseconds
    }

    var isToHead: Bool { exchange.isToHead }
    var requestIsWhole: Bool { exchange.requestIsWhole }
    var isCall: Bool { exchange.call != nil }
    /// The connection ends after the answer in progress.
    var endsAfterAnswer: Bool { plane.isDraining || listener.isRemoved || isOutdated }

    /// A gRPC call ends at its own deadline at the latest.
    @inline(__always)
    func setDeadline(_ time: Int64) {
        deadline = time
        if let call = exchange.call, call.deadline < time { deadline = call.deadline }
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if let ip = context.channel.remoteAddress?.ipAddress { address = Array(ip.utf8) }
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

    /// A handshake has as much time as a head.
    func awaitsHandshake() { deadline = plane.now + plane.headReadNanoseconds }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent, phase == .idle {
            deadline = plane.now + plane.clientIdleNanoseconds
        }
        context.fireUserInboundEventTriggered(event)
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
            now + (endsAfterAnswer ? plane.lingerNanoseconds : plane.clientIdleNanoseconds)
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

    func linger(_ count: Int) {
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
        if exchange.answerHasBegun, exchange.call != nil {
            endCall(.unavailable, "\(instance.described) was removed before the call was complete. Try again.")
        } else if exchange.answerHasBegun {
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

    func deadlinePassed(now: Int64) {
        if let call = exchange.call, phase == .exchanging, now >= call.deadline {
            callTimedOut(now: now)
            return
        }
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

import HTTP1
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One connection to an instance. Reads answers, one at a time, and passes each to the owner of its request.
final class UpstreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Carries no request. Can transition to: awaitingHead, closed
        case resting
        /// Can transition to: body, resting, closed
        case awaitingHead
        /// Can transition to: resting, closed
        case body
        case closed
    }

    /// The value of the instance's `move` when the connection was opened.
    let move: Int
    /// For one request on an HTTP/2 connection, which it translates. It serves no second one.
    let stream: InstanceStreamCodec?
    private(set) var restingSince: Int64 = 0
    private let instance: Instance
    private let plane: DataPlane
    private var context: ChannelHandlerContext?
    private var phase = Phase.resting
    private var caller: (any UpstreamCaller)?
    /// An incomplete head.
    private var partial = ByteBuffer()
    private var body = BodyFraming.none
    private var keepsAlive = true
    private var interimResponses = 0
    /// The connection has served a request before, so the instance may have closed it while the next one was being sent.
    private var hasServed = false
    /// It was idle for so long that the instance may close it as idle.
    private var wasIdle = false
    private var sawByte = false
    /// Bytes sent of the current request, including its head.
    private var sentBytes = 0
    private var hasFlushed = false
    /// The instance closed the connection before any byte of the current request reached it.
    private var isUntaken = false
    /// The instance closed the connection cleanly after the whole current request had reached it.
    private var isTaken = false
    private var endedInError = false
    private var hasEnded = false
    private(set) var isReading = true

    init(instance: Instance, plane: DataPlane, move: Int, stream: InstanceStreamCodec? = nil) {
        self.stream = stream
        self.instance = instance
        self.plane = plane
        self.move = move
    }

    // MARK: Calls by the request's owner

    func begin(_ caller: any UpstreamCaller) {
        self.caller = caller
        phase = .awaitingHead
        interimResponses = 0
        sawByte = false
        sentBytes = 0
        hasFlushed = false
    }

    func rest(since now: Int64) { restingSince = now }

    /// Takes the connection out of the idle pool.
    /// - Parameter wasIdle: it was idle for so long that the instance may be about to close it.
    @inline(__always)
    func wake(wasIdle: Bool) { self.wasIdle = wasIdle }

    var isOpen: Bool { phase != .closed }

    @inline(__always)
    func write(_ bytes: ByteBuffer) {
        sentBytes += bytes.readableBytes
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    @inline(__always)
    func flush() {
        context?.flush()
        hasFlushed = true
    }

    @inline(__always)
    var isWritable: Bool { context?.channel.isWritable ?? true }

    func setReading(_ reads: Bool) {
        guard reads != isReading, let context else { return }
        isReading = reads
        try? context.channel.syncOptions?.setOption(.autoRead, value: reads)
        if reads { context.read() }
    }

    /// The request ended before its answer did, so the connection cannot be reused.
    func abandon() {
        caller = nil
        close()
    }

    func close() {
        caller = nil
        guard phase != .closed else { return }
        phase = .closed
        context?.close(promise: nil)
    }

    /// Whether the instance has not closed the connection. Asks the socket itself, because the close may have arrived after the
    /// event loop last read.
    func isAlive() -> Bool {
        guard phase == .resting, let context, context.channel.isActive else { return false }
        let seen = ask(context) { socket in
            var byte: UInt8 = 0
            return recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) < 0
                && (errno == EAGAIN || errno == EWOULDBLOCK)
        }
        return seen ?? true
    }

    /// Bytes of the request that the instance's system has not acknowledged. Asked after the instance closed the connection
    /// cleanly, so it cannot have read what came later. Nil if unknown.
    private func unacknowledgedBytes(_ context: ChannelHandlerContext) -> Int? {
        guard phase == .awaitingHead, hasServed, !sawByte, sentBytes > 0 else { return nil }
        return ask(context) { socket -> Int? in
            var count: Int32 = 0
            return ioctl(socket, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : nil
        } ?? nil
    }

    private func ask<Answer>(
        _ context: ChannelHandlerContext, _ question: (NIOBSDSocket.Handle) -> Answer
    ) -> Answer? {
        try? context.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self, question)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        sawByte = true
        if phase == .awaitingHead {
            if partial.readableBytes > 0 {
                partial.writeBuffer(&bytes)
                swap(&partial, &bytes)
                partial.clear()
            }
            readHeads(&bytes)
        }
        if phase == .body, bytes.readableBytes > 0 { readBody(&bytes) }
        // An instance that sends bytes without a request cannot be trusted with the next request.
        if phase == .resting, bytes.readableBytes > 0 { close() }
    }

    func channelReadComplete(context: ChannelHandlerContext) { caller?.flushAnswer() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { caller?.updateReading() }

    /// The instance closed its side. Nothing more will arrive, so the connection cannot be reused.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        hasEnded = true
        if let unacknowledged = unacknowledgedBytes(context) {
            isUntaken = unacknowledged >= sentBytes
            // If data arrived that nobody read, the system closes the connection with a reset instead.
            isTaken = unacknowledged == 0
        }
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        endedInError = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let (wasPhase, wasCaller) = (phase, caller)
        phase = .closed
        caller = nil
        if stream == nil { instance.connectionClosed(self) }
        guard let wasCaller else { return }
        switch wasPhase {
        case .awaitingHead:
            // If the very first write fails, nothing was sent either.
            let failedToWrite = hasServed && !sawByte && !hasFlushed && !hasEnded && !endedInError
            let failure: RetryPolicy.Failure =
                if isUntaken || failedToWrite || stream?.wasRefused == true {
                    .untaken
                } else if !hasServed || sawByte {
                    .freshConnection
                } else {
                    isTaken && !wasIdle ? .unanswered : .staleConnection
                }
            if let fault = stream?.fault {
                wasCaller.attemptFailed(
                    .malformedAnswer, "\(instance.described) sent a malformed answer by HTTP/2: \(fault)")
            } else {
                let what = stream == nil ? "closed the connection" : "ended the stream"
                wasCaller.attemptFailed(failure, "\(instance.described) \(what) before it answered")
            }
        case .body:
            if body == .untilClose, !endedInError {
                wasCaller.answerIsWhole(release: nil)
            } else {
                wasCaller.answerWasCutOff()
            }
        case .resting, .closed: break
        }
    }

    // MARK: Answers

    private func readHeads(_ bytes: inout ByteBuffer) {
        while phase == .awaitingHead, let caller {
            let scan = bytes.withUnsafeReadableBytes {
                plane.responseScanner.scan($0, isToHead: caller.isToHead)
            }
            switch scan {
            case .incomplete:
                partial.clear()
                partial.writeBuffer(&bytes)
                return
            case .invalid(let fault):
                malformed(fault.message)
            case .complete(let head) where head.isInterim:
                interimResponses += 1
                bytes.moveReaderIndex(forwardBy: head.length)
                if head.status == 101 || interimResponses > plane.limits.interimResponses {
                    malformed("it switched protocols, or sent too many interim (1xx) answers")
                } else if head.status == 100 {
                    caller.forwardContinue()
                }
                if bytes.readableBytes == 0 { return }
            case .complete(let head):
                body = head.body
                keepsAlive = head.keepAlive && head.body != .untilClose && stream == nil
                phase = .body
                caller.beginAnswer(head, &bytes)
                if body.isDone { finish(isClean: bytes.readableBytes == 0) }
                return
            }
        }
    }

    private func readBody(_ bytes: inout ByteBuffer) {
        guard let caller else { return }
        switch caller.forwardAnswer(&bytes, &body) {
        case .more: break
        case .done: finish(isClean: bytes.readableBytes == 0)
        case .invalid:
            self.caller = nil
            close()
            caller.answerWasCutOff()
        }
    }

    @inline(__always)
    private func finish(isClean: Bool) {
        guard let caller else { return }
        self.caller = nil
        body = .none
        phase = .resting
        hasServed = true
        wasIdle = false
        let isReusable = isClean && keepsAlive && caller.requestIsWhole
        setReading(true)
        caller.answerIsWhole(release: isReusable ? self : nil)
        if !isReusable { close() }
    }

    private func malformed(_ reason: String) {
        guard let caller else { return }
        self.caller = nil
        close()
        caller.attemptFailed(
            .malformedAnswer,
            "\(instance.described) sent a malformed answer: \(reason)")
    }
}

import NIOCore
import NIOHTTPTypes

/// How long a connection may take for what.
public struct ConnectionTimes: Hashable, Sendable {
    /// For a request's head, from the connection's begin or the head's first byte on. TLS is part of the first.
    public var head: Duration
    /// For a request's body, from its head on.
    public var body: Duration
    /// From an answer's end to the next request's first byte.
    public var idle: Duration
    /// For the reader of an answer to make room.
    public var stall: Duration

    static let standard = ConnectionTimes(
        head: .seconds(5), body: .seconds(30), idle: .seconds(20), stall: .seconds(30))
}

/// Ends a connection that takes too long: for a head, for a body, for the next request, or to read its answer. It stands
/// before the parser, so that it sees the first byte of a head; `RequestParts` behind the parser tells it when a head, a body
/// and an answer are whole. What comes of a second head together with the first request counts as silence after the answer.
///
/// # Caveats
/// Confined to its event loop, like every handler.
final class ConnectionClock: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private enum Waiting { case nothing, head, body, next }

    private let times: ConnectionTimes
    private var waiting = Waiting.nothing
    private var limit: Scheduled<Void>?
    private var stallLimit: Scheduled<Void>?

    init(times: ConnectionTimes) { self.times = times }

    func handlerAdded(context: ChannelHandlerContext) { wait(for: .head, times.head, context) }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if waiting == .next { wait(for: .head, times.head, context) }
        context.fireChannelRead(data)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stallLimit?.cancel()
        stallLimit = context.channel.isWritable ? nil : close(context, in: times.stall)
        context.fireChannelWritabilityChanged()
    }

    func headIsWhole(_ context: ChannelHandlerContext) { wait(for: .body, times.body, context) }

    func requestIsWhole() {
        limit?.cancel()
        limit = nil
        waiting = .nothing
    }

    func answerIsWhole(_ context: ChannelHandlerContext) {
        if waiting == .nothing { wait(for: .next, times.idle, context) }
    }

    private func wait(for next: Waiting, _ duration: Duration, _ context: ChannelHandlerContext) {
        limit?.cancel()
        waiting = next
        limit = close(context, in: duration)
    }

    private func close(_ context: ChannelHandlerContext, in duration: Duration) -> Scheduled<Void> {
        // The channel and not its context: a timer may outlive the handler.
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: TimeAmount(duration)) { channel.close(promise: nil) }
    }

    private func stop() {
        limit?.cancel()
        stallLimit?.cancel()
        limit = nil
        stallLimit = nil
    }
}

/// Behind the parser: tells the connection's clock how far requests and answers have come.
final class RequestParts: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var clock: ConnectionClock?
    private var requestsWithoutAnswer = 0

    func handlerAdded(context: ChannelHandlerContext) {
        clock = try? context.pipeline.syncOperations.handler(type: ConnectionClock.self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            requestsWithoutAnswer += 1
            clock?.headIsWhole(context)
        case .body: break
        case .end:
            clock?.requestIsWhole()
            // It may have been answered before it was whole.
            if requestsWithoutAnswer == 0 { clock?.answerIsWhole(context) }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            requestsWithoutAnswer -= 1
            if requestsWithoutAnswer == 0 { clock?.answerIsWhole(context) }
        }
        context.write(data, promise: promise)
    }
}

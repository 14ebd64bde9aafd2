import NIOCore
import NIOHTTPTypes

/// Time limits of a connection.
package struct ConnectionTimes: Hashable, Sendable {
    /// For the head of a request: from the start of the connection, or from the first byte of the head. The first one includes
    /// TLS.
    package var head: Duration
    /// For the body of a request, from the end of its head.
    package var body: Duration
    /// From the end of an answer to the first byte of the next request.
    package var idle: Duration
    /// For the client to read, when it does not take more of an answer.
    package var stall: Duration

    static let standard = ConnectionTimes(
        head: .seconds(5), body: .seconds(30), idle: .seconds(20), stall: .seconds(30))
}

/// Closes a connection that takes too long to send a head or a body, to send the next request, or to read its answer. This
/// handler is before the HTTP parser, so it sees the first byte of a head. `RequestParts`, behind the parser, reports when heads,
/// bodies and answers are complete. Bytes of a second head that arrive with the first request count as idle time after the
/// answer.
///
/// # Caveats
/// Confined to its event loop, like every channel handler.
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

    func headEnded(_ context: ChannelHandlerContext) { wait(for: .body, times.body, context) }

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
        // The closure holds the channel and not the context, because the timer may outlive the handler.
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

/// Behind the parser: reports the progress of requests and answers to the connection's clock.
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
            clock?.headEnded(context)
        case .body: break
        case .end:
            clock?.requestIsWhole()
            // The answer may have been sent before the request was complete.
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

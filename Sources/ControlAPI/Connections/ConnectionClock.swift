import NIOCore
import NIOHTTPTypes

/// How long a connection may take for what.
public struct ConnectionTimes: Hashable, Sendable {
    /// For a request's head, from the connection's begin or the head's first byte on. TLS is part of the first.
    public var head: Duration
    /// For a request's body, from its head on.
    public var body: Duration
    /// For the reader of an answer to make room.
    public var stall: Duration

    static let standard = ConnectionTimes(head: .seconds(5), body: .seconds(30), stall: .seconds(30))
}

/// Ends a connection that takes too long: for a head, for a body, or to read its answer. It stands before the parser, so
/// that it sees the first byte of a head; `RequestParts` behind the parser tells it when a head and a body are whole.
///
/// # Caveats
/// Confined to its event loop, like every handler.
final class ConnectionClock: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private enum Waiting { case nothing, head, body }

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
        if waiting == .nothing { wait(for: .head, times.head, context) }
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

/// Behind the parser: tells the connection's clock how far a request has come.
final class RequestParts: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private var clock: ConnectionClock?

    func handlerAdded(context: ChannelHandlerContext) {
        clock = try? context.pipeline.syncOperations.handler(type: ConnectionClock.self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: clock?.headIsWhole(context)
        case .body: break
        case .end: clock?.requestIsWhole()
        }
        context.fireChannelRead(data)
    }
}

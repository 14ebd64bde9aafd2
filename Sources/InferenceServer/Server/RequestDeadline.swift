import NIOCore

/// Closes the connection of a client that takes too long to send a request. Runs before the HTTP decoder, because an incomplete
/// head is visible only there.
final class RequestDeadline: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Sent towards the network by the handler that has received a complete request.
    struct RequestReceived: Sendable {}

    private let timeout: TimeAmount
    private var expiry: Scheduled<Void>?

    init(timeout: TimeAmount) { self.timeout = timeout }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if expiry == nil {
            expiry = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { context.close(promise: nil) }
        }
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        disarm()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { disarm() }

    private func disarm() {
        expiry?.cancel()
        expiry = nil
    }
}

extension RequestDeadline: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is RequestReceived else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        disarm()
        promise?.succeed()
    }
}

import NIOCore

/// Sits on the listener: bounds the connections, knows them, and empties the house when told to.
final class ConnectionGate: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let limit: Int
    private var connections: [ObjectIdentifier: any Channel] = [:]
    private var drained: EventLoopPromise<Void>?
    private var expiry: Scheduled<Void>?

    init(limit: Int) { self.limit = limit }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let connection = unwrapInboundIn(data)
        guard connections.count < limit, drained == nil else {
            connection.close(promise: nil)
            return
        }
        let id = ObjectIdentifier(connection)
        connections[id] = connection
        // Both are on the one event loop that the server has.
        connection.closeFuture.assumeIsolated().whenComplete { _ in
            self.connections[id] = nil
            self.succeedIfDrained()
        }
        context.fireChannelRead(data)
    }

    /// Closes the listener, lets every connection finish the request it has, and closes the rest after `grace`.
    ///
    /// - Parameter drained: kept when no connection is left.
    func drain(_ listener: any Channel, grace: TimeAmount, drained: EventLoopPromise<Void>) {
        self.drained = drained
        listener.close(promise: nil)
        for connection in connections.values {
            connection.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
        expiry = listener.eventLoop.assumeIsolated().scheduleTask(in: grace) {
            for connection in self.connections.values { connection.close(promise: nil) }
        }
        succeedIfDrained()
    }

    private func succeedIfDrained() {
        guard let drained, connections.isEmpty else { return }
        expiry?.cancel()
        drained.succeed()
    }
}

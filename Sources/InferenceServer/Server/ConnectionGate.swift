import NIOCore

/// On the listener's pipeline: limits the number of connections, keeps track of them, and closes them when the server stops.
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
        // Both run on the server's only event loop.
        connection.closeFuture.assumeIsolated().whenComplete { _ in
            self.connections[id] = nil
            self.succeedIfDrained()
        }
        context.fireChannelRead(data)
    }

    /// Closes the listener, lets each connection finish its current request, and closes the rest after `grace`.
    ///
    /// - Parameter drained: succeeds when no connection is left.
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

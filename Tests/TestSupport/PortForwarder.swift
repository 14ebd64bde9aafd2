import NIOCore
import NIOPosix
import Synchronization

/// A port of this machine that forwards its connections: to an API server that a test makes unreachable, or, like kube-proxy, to
/// one of a Service's endpoints.
package final class PortForwarder: Sendable {
    package struct Target: Hashable, Sendable {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    private struct State {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var turns = 0
    }

    package let port: Int
    private let targets: @Sendable () -> [Target]
    private let state: Mutex<State>

    /// - Parameter targets: read at each connection, used in turn. Without targets connections are closed.
    package init(to targets: @escaping @Sendable () -> [Target]) async throws {
        self.targets = targets
        let state = Mutex(State())
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        // The port is known now. Serving it needs the whole object.
        try await listener.close()
        self.state = state
        try await open()
    }

    /// Accepts connections again on the same port.
    package func open() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { [weak self] channel in
                guard let self else { return channel.close() }
                return self.accept(channel)
            }
            .bind(host: "127.0.0.1", port: port).get()
        state.withLock { $0.listener = listener }
    }

    /// Closes all connections, and refuses new ones.
    package func close() async {
        let (listener, connections) = state.withLock { state in
            defer {
                state.listener = nil
                state.connections = [:]
            }
            return (state.listener, Array(state.connections.values))
        }
        try? await listener?.close()  // It may be closed already.
        for connection in connections { connection.close(promise: nil) }
    }

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        let all = targets()
        let target = state.withLock { state -> Target? in
            guard !all.isEmpty else { return nil }
            state.turns += 1
            return all[state.turns % all.count]
        }
        guard let target else { return client.close() }
        state.withLock { $0.connections[ObjectIdentifier(client)] = client }
        client.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(client)) }
        }
        return ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: target.host, port: target.port)
            .flatMapThrowing { server in
                try client.pipeline.syncOperations.addHandler(ForwardingHandler(to: server))
                try server.pipeline.syncOperations.addHandler(ForwardingHandler(to: client))
                for channel in [client, server] {
                    channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
                }
            }
            .flatMapError { _ in client.close() }
    }
}

/// Forwards data to the other side, and closes it when its own side closes.
private final class ForwardingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
        guard !other.isWritable else { return }
        // Reads no more until the other side has accepted the data.
        let channel = context.channel
        channel.setOption(.autoRead, value: false).whenFailure { _ in channel.close(promise: nil) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let other = other
        if context.channel.isWritable {
            other.setOption(.autoRead, value: true).whenFailure { _ in other.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let other = other
        // Closes after the data that was written before.
        other.writeAndFlush(ByteBuffer()).whenComplete { _ in other.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

import Foundation
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOSSL
import Synchronization

/// HTTP/1.1 over a connection that is counted, has time limits, and may use TLS.
struct GuardedChannel: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        fileprivate let parts: HTTP1Channel.Value
        fileprivate let custody: ChannelOwnership

        var channel: any Channel { parts.channel }
    }

    /// Where the listener listens.
    enum Place: Sendable {
        case network(tls: ServerCertificates?)
        /// Only processes of `users` may connect: the controller's own user and root.
        case localSocket(users: Set<UInt32>)
    }

    static let headerBytes = 32 * 1024
    static let headerCount = 100
    static let idleSeconds: Int64 = 60

    let base: HTTP1Channel
    let place: Place
    let connections: ConnectionTable
    let times: ConnectionTimes

    init(
        responder: @escaping HTTPChannelHandler.Responder, place: Place, connections: ConnectionTable,
        times: ConnectionTimes
    ) {
        base = HTTP1Channel(
            responder: responder,
            configuration: .init(
                additionalChannelHandlers: [RequestParts()], idleTimeout: .seconds(Self.idleSeconds),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: Self.headerBytes, maxHeaderListSize: Self.headerBytes,
                    maxHeaderFieldCount: Self.headerCount)))
        self.place = place
        self.connections = connections
        self.times = times
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        switch place {
        case .network(let tls):
            connections.open(channel, localUser: nil)
            return install(channel, tls: tls, logger)
        case .localSocket(let users):
            return PeerCredentials.user(of: channel).flatMap { user in
                guard let user, users.contains(user) else {
                    return channel.eventLoop.makeFailedFuture(ForeignPeer())
                }
                connections.open(channel, localUser: UserName.of(user))
                return install(channel, tls: nil, logger)
            }
        }
    }

    private func install(_ channel: any Channel, tls: ServerCertificates?, _ logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current)) }
            try pipeline.addHandler(ConnectionClock(times: times))
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }.map { parts in
            let custody = ChannelOwnership()
            // If the server ends before it has taken over this connection, it is closed here: a channel value that is never
            // finished crashes the process.
            channel.closeFuture.whenComplete { _ in
                guard !custody.isTaken else { return }
                _ = channel.eventLoop.makeFutureWithTask { try? await parts.executeThenClose { _, _ in } }
            }
            return Value(parts: parts, custody: custody)
        }
    }

    func handle(value: Value, logger: Logger) async {
        value.custody.take()
        await base.handle(value: value.parts, logger: logger)
    }

    /// Whether the connection's channel value was taken over.
    fileprivate final class ChannelOwnership: Sendable {
        private let taken = Atomic(false)

        var isTaken: Bool { taken.load(ordering: .acquiring) }

        func take() { taken.store(true, ordering: .releasing) }
    }
}

/// A process of another user connected to the local socket, which only its owner and root can open.
struct ForeignPeer: Error {}

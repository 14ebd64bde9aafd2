import NIOCore
import NIOPosix
import Synchronization

/// An HTTP proxy that supports only CONNECT.
final class ConnectProxy: Sendable {
    private final class Log: Sendable {
        let heads = Mutex<[String]>([])
    }

    let port: Int
    private let channel: any Channel
    private let log: Log

    /// The requests that it received.
    var heads: [String] { log.heads.withLock { $0 } }

    init() async throws {
        let log = Log()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Connecting { head in log.heads.withLock { $0.append(head) } })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        self.log = log
    }

    func stop() { channel.close(promise: nil) }
}

private final class Connecting: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let note: @Sendable (String) -> Void
    private var head = ""
    private var peer: (any Channel)?

    init(_ note: @escaping @Sendable (String) -> Void) { self.note = note }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if let peer { return peer.writeAndFlush(bytes, promise: nil) }
        head += String(buffer: bytes)
        guard head.hasSuffix("\r\n\r\n") else { return }
        note(head)
        let words = head.split(separator: " ")
        let target = words.count > 1 ? words[1].split(separator: ":") : []
        guard target.count == 2, let port = Int(target[1]) else { return context.close(promise: nil) }
        let client = context.channel
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Returning(to: client))
                }
            }
            .connect(host: String(target[0]), port: port)
            .whenComplete { result in
                guard case .success(let peer) = result else { return client.close(promise: nil) }
                this.value.peer = peer
                client.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"), promise: nil)
            }
    }

    func channelInactive(context: ChannelHandlerContext) { peer?.close(promise: nil) }
}

private final class Returning: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: any Channel

    init(to client: any Channel) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { client.close(promise: nil) }
}

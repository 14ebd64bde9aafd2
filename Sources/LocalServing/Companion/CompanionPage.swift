import NIOCore
import NIOHTTP1
import NIOPosix
import Serving

/// HTTP/1.1 server for the cluster's probes and for the proxies: `GET /readyz`, `GET /recordings`.
struct CompanionPage: Sendable {
    private static let idleTime = TimeAmount.seconds(10)
    private static let backlog: Int32 = 32

    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup

    var port: Int { channel.localAddress?.port ?? 0 }

    static func open(_ configuration: PodCompanion.Configuration, _ state: CompanionState) async throws -> CompanionPage
    {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    try sync.addHandler(IdleStateHandler(allTimeout: idleTime))
                    try sync.configureHTTPServerPipeline(withErrorHandling: true)
                    try sync.addHandler(CompanionHandler(configuration, state))
                }
            }
        do {
            let channel = try await bootstrap.bind(host: configuration.address, port: configuration.port).get()
            return CompanionPage(channel: channel, group: group)
        } catch {
            try? await group.shutdownGracefully()
            throw CompanionError(
                .cannotListen, "cannot listen on port \(configuration.port): \(error). Let the server use another.")
        }
    }

    func close() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

private final class CompanionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let configuration: PodCompanion.Configuration
    private let state: CompanionState
    private var head: HTTPRequestHead?

    init(_ configuration: PodCompanion.Configuration, _ state: CompanionState) {
        self.configuration = configuration
        self.state = state
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break  // Requests have no body here.
        case .end:
            guard let head else { return }
            self.head = nil
            let (status, body) = answer(to: head)
            write(status, body, context)
        }
    }

    private func answer(to head: HTTPRequestHead) -> (HTTPResponseStatus, [UInt8]) {
        switch (head.method, head.uri) {
        case (.GET, CompanionPort.readyPath):
            return state.isWarm
                ? (.ok, Array("ok\n".utf8))
                : (.serviceUnavailable, Array("the server has not finished its warm-up\n".utf8))
        case (.GET, CompanionPort.recordingsPath): return recordings()
        default: return (.notFound, [])
        }
    }

    private func recordings() -> (HTTPResponseStatus, [UInt8]) {
        guard let name = configuration.recordings else {
            return (.notFound, Array("this pod was created before `traffic.generate` was set".utf8))
        }
        do {
            let file = try ModelFolderFile(
                name, field: "traffic.generate.requests", in: configuration.folder,
                maximumBytes: CompanionPort.recordingsBytes)
            guard let bytes = try file.read() else {
                return (.notFound, Array("\(name) does not exist: put it into the model's folder".utf8))
            }
            return (.ok, bytes)
        } catch {
            return (.unprocessableEntity, Array("\(error)".utf8))
        }
    }

    private func write(_ status: HTTPResponseStatus, _ body: [UInt8], _ context: ChannelHandlerContext) {
        let fields = HTTPHeaders([("content-length", "\(body.count)"), ("connection", "close")])
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }
}

import NIOCore
import NIOHTTP2
import NIOPosix

/// One HTTP/2 connection to an instance.
final class InstanceLink: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private let pool: InstanceStreams
    private let limits: ProxyLimits
    private(set) var streams = 0
    /// How many requests the instance takes at a time on one connection.
    private var streamsMax: Int
    /// It takes no more requests: the instance said so, or its address has changed.
    private(set) var isLeaving = false
    private var isOpen = false
    private var multiplexer: NIOHTTP2Handler.StreamMultiplexer?
    private var context: ChannelHandlerContext?

    init(pool: InstanceStreams, limits: ProxyLimits) {
        self.pool = pool
        self.limits = limits
        streamsMax = limits.upstreamStreamsPerConnection
    }

    var hasRoom: Bool { isOpen && !isLeaving && streams < streamsMax }

    /// - Parameter channel: to the instance, without any handler.
    func install(in channel: any Channel) throws {
        let handler = NIOHTTP2Handler(
            mode: .client, eventLoop: channel.eventLoop, connectionConfiguration: limits.http2Instance,
            streamConfiguration: limits.http2InstanceStream
        ) { channel in channel.close() }  // Servers must not push.
        try channel.pipeline.syncOperations.addHandlers([handler, self])
        multiplexer = try handler.syncMultiplexer()
    }

    /// Opens a stream.
    /// - Parameter ready: gets its connection; nil if the stream could not be opened.
    func open(_ plane: DataPlane, _ instance: Instance, ready: @escaping (UpstreamConnection?) -> Void) {
        guard let multiplexer else { return ready(nil) }
        streams += 1
        let codec = InstanceStreamCodec(plane: plane, link: self)
        let connection = UpstreamConnection(instance: instance, plane: plane, move: instance.move, stream: codec)
        let bound = NIOLoopBound((codec, connection), eventLoop: plane.loop)
        let promise = plane.loop.makePromise(of: (any Channel).self)
        multiplexer.createStreamChannel(promise: promise) { channel in
            channel.eventLoop.makeCompletedFuture {
                let (codec, connection) = bound.value
                try channel.pipeline.syncOperations.addHandlers([codec, connection])
            }
        }
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: ready(connection.isOpen ? connection : nil)
            case .failure:
                self.streamEnded()
                ready(nil)
            }
        }
    }

    func streamEnded() {
        streams -= 1
        if isLeaving, streams == 0 { close() }
        pool.serve()
    }

    /// Ends once it has no request.
    func leave() {
        isLeaving = true
        if streams == 0 { close() }
    }

    func close() { context?.close(promise: nil) }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        isOpen = true
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOpen = false
        isLeaving = true
        pool.linkClosed(self)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data).payload {
        case .goAway: leave()
        case .settings(.settings(let settings)):
            if let most = settings.last(where: { $0.parameter == .maxConcurrentStreams })?.value {
                streamsMax = min(max(1, most), limits.upstreamStreamsPerConnection)
                pool.serve()
            }
        default: break
        }
    }

    /// The instance broke a rule of HTTP/2. The connection closes after the input that is being read, so that no stream is
    /// forgotten.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isLeaving = true
        let channel = context.channel
        context.eventLoop.execute { channel.close(promise: nil) }
    }
}

import NIOCore
import NIOHTTP2

/// A client connection that speaks HTTP/2. Each of its requests is a `ClientConnection` of its own.
///
/// It ends politely: GOAWAY tells the client to send no more requests, and those in progress finish (RFC 9113, section 6.8).
final class HTTP2Client: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private enum Phase {
        /// Can transition to: announced, closed
        case open
        /// The client was told, but may have sent requests before it knew. Can transition to: draining, closed
        case announced
        /// No more requests can arrive. Can transition to: closed
        case draining
        case closed
    }

    let listener: Listener
    private let plane: DataPlane
    private var phase = Phase.open
    private var streams = 0
    private var lastStream = HTTP2StreamID.rootStream
    /// When it ends if it has no request.
    private var deadline: Int64
    private var context: ChannelHandlerContext?

    private static let pingData = HTTP2PingData(withInteger: 0x6d6c_6374_6c67_6f6e)

    private init(plane: DataPlane, listener: Listener) {
        self.plane = plane
        self.listener = listener
        deadline = plane.now + plane.clientIdleNanoseconds
    }

    /// Adds the handlers of HTTP/2 after that of HTTP/1.1, which will be removed.
    static func install(
        after first: ClientConnection, _ context: ChannelHandlerContext, plane: DataPlane, listener: Listener
    ) throws {
        let connection = HTTP2Client(plane: plane, listener: listener)
        let bound = NIOLoopBound((plane, listener), eventLoop: plane.loop)
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: plane.loop, connectionConfiguration: plane.limits.http2Client,
            streamConfiguration: plane.limits.http2ClientStream,
            streamDelegate: Streams(connection: NIOLoopBound(connection, eventLoop: plane.loop))
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                let (plane, listener) = bound.value
                let codec = ClientStreamCodec(plane: plane)
                let client = ClientConnection(plane: plane, listener: listener, stream: codec)
                codec.client = client
                try channel.pipeline.syncOperations.addHandlers([codec, client])
            }
        }
        try context.pipeline.syncOperations.addHandlers([handler, connection], position: .after(first))
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        plane.admit(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closed
        plane.remove(self)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .announced, case .ping(Self.pingData, ack: true) = unwrapInboundIn(data).payload else { return }
        phase = .draining
        write(.goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil), context)
        endIfDone()
    }

    /// The client broke a rule of HTTP/2, and was told with GOAWAY. Or NIO wanted to send a frame after the last request of a
    /// connection that was told to end.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        plane.logger.debug("an HTTP/2 connection ends", metadata: ["reason": "\(error)"])
        phase = .closed
        endSoon()
    }

    private func write(_ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: payload)), promise: nil)
    }

    // MARK: Ending

    /// Lets the requests in progress finish.
    func drain() {
        guard phase == .open, let context else { return }
        phase = .announced
        deadline = plane.now + plane.lingerNanoseconds
        write(.goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil), context)
        write(.ping(Self.pingData, ack: false), context)
    }

    /// Ends the connection if it has had no request for too long.
    func look(now: Int64) {
        guard streams == 0, now > deadline else { return }
        if phase == .open { drain() } else { endSoon() }
    }

    func close() { context?.close(promise: nil) }

    private func endIfDone() {
        if phase == .draining, streams == 0 { endSoon() }
    }

    /// The frames that were written are sent first. And a connection that closed in the middle of its input would forget requests
    /// that begin in the rest of it.
    private func endSoon() {
        guard let context else { return }
        context.flush()
        let channel = context.channel
        context.eventLoop.execute { channel.close(promise: nil) }
    }

    /// Hears of every request.
    private struct Streams: NIOHTTP2StreamDelegate {
        let connection: NIOLoopBound<HTTP2Client>

        func streamCreated(_ id: HTTP2StreamID, channel: any Channel) {
            let connection = connection.value
            connection.streams += 1
            connection.lastStream = max(connection.lastStream, id)
        }

        func streamClosed(_ id: HTTP2StreamID, channel: any Channel) {
            let connection = connection.value
            connection.streams -= 1
            guard connection.streams == 0 else { return }
            connection.deadline =
                connection.plane.now
                + (connection.phase == .open
                    ? connection.plane.clientIdleNanoseconds : connection.plane.lingerNanoseconds)
            connection.endIfDone()
        }
    }
}

extension ClientConnection {
    /// The first bytes of the connection are HTTP/2's.
    func speakHTTP2(_ bytes: ByteBuffer) {
        guard let context else { return }
        plane.remove(self)
        phase = .closed
        do {
            try HTTP2Client.install(after: self, context, plane: plane, listener: listener)
        } catch {
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(NIOAny(bytes))
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

import NIOCore
import NIOHTTP1
import NIOPosix

/// A model server with scripted behaviour.
final class ScriptedUpstream: Sendable {
    enum Behaviour: Sendable {
        /// 200, with `name` and the method, path, fields and body that it received.
        case answer(name: String)
        case status(Int)
        /// The request's body, unchanged.
        case echo
        case hang
        /// Exactly these bytes, then the end if `closes`.
        case raw(String, closes: Bool)
        /// 200 with these fields, each with a line feed, and this body.
        case body([UInt8], fields: String)
        /// Answers once, and closes the connection at the next request without a byte.
        case closeOnSecond
        /// Server-sent events. `stream(_:)` sends each further one.
        case events
        /// Nothing until `answerHeld()`.
        case held
        /// 200, after a delay.
        case slow(TimeAmount)
    }

    let port: Int
    private let channel: any Channel
    private let state: NIOLoopBoundBox<State>

    struct Request: Hashable, Sendable {
        var method: String
        var path: String
        /// `name: value` and a line feed, for each field.
        var fields: String
        var body: String
    }

    struct State {
        var behaviour: Behaviour
        var requests = 0
        var connections = 0
        var ended = 0
        var streams: [any Channel] = []
        var last: Request?
    }

    init(_ behaviour: Behaviour, host: String = "127.0.0.1", port: Int = 0) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let state = NIOLoopBoundBox.makeBoxSendingValue(State(behaviour: behaviour), eventLoop: loop)
        self.state = state
        channel = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // Built by hand, so that raw bytes can bypass the encoder: they are written before it.
                    try channel.pipeline.syncOperations.addHandler(
                        ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
                    try channel.pipeline.syncOperations.addHandler(ScriptHandler(state: state))
                }
            }
            .bind(host: host, port: port).get()
        self.port = channel.localAddress!.port!
    }

    func requests() async throws -> Int { try await read { $0.requests } }
    func connections() async throws -> Int { try await read { $0.connections } }
    func lastRequest() async throws -> Request? { try await read { $0.last } }
    /// The number of connections that have ended.
    func ended() async throws -> Int { try await read { $0.ended } }

    func behave(_ behaviour: Behaviour) async throws {
        try await channel.eventLoop.submit { [state] in state.value.behaviour = behaviour }.get()
    }

    /// Sends a piece to each open stream.
    func stream(_ text: String, ends: Bool = false) async throws {
        try await channel.eventLoop.submit { [state] in
            for channel in state.value.streams {
                let chunk = String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n" + (ends ? "0\r\n\r\n" : "")
                channel.writeAndFlush(ByteBuffer(string: chunk), promise: nil)
            }
            if ends { state.value.streams = [] }
        }.get()
    }

    /// Answers every held request.
    func answerHeld() async throws {
        try await channel.eventLoop.submit { [state] in
            for channel in state.value.streams {
                channel.writeAndFlush(
                    ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate"), promise: nil)
            }
            state.value.streams = []
        }.get()
    }

    /// Closes every connection with a held request: these requests fail together.
    func endHeld() async throws {
        try await channel.eventLoop.submit { [state] in
            for channel in state.value.streams { channel.close(promise: nil) }
            state.value.streams = []
        }.get()
    }

    /// Accepts no further connections. Open ones stay.
    func stop() async throws { try await channel.close() }

    private func read<Value: Sendable>(_ body: @escaping @Sendable (State) -> Value) async throws -> Value {
        try await channel.eventLoop.submit { [state] in body(state.value) }.get()
    }
}

private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let state: NIOLoopBoundBox<ScriptedUpstream.State>
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var served = 0

    init(state: NIOLoopBoundBox<ScriptedUpstream.State>) { self.state = state }

    func channelActive(context: ChannelHandlerContext) { state.value.connections += 1 }

    func channelInactive(context: ChannelHandlerContext) { state.value.ended += 1 }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
            if head.headers["expect"].first == "100-continue" { write("HTTP/1.1 100 Continue\r\n\r\n", context) }
        case .body(var part):
            body.writeBuffer(&part)
        case .end:
            state.value.requests += 1
            served += 1
            guard let head else { return }
            state.value.last = .init(
                method: head.method.rawValue, path: head.uri, fields: Self.text(head.headers),
                body: String(buffer: body))
            respond(to: head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func respond(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        switch state.value.behaviour {
        case .answer(let name):
            write(
                length(
                    200, "\(name)\n\(head.method) \(head.uri)\n\(Self.text(head.headers))\n\(String(buffer: body))",
                    head), context)
        case .status(let status): write(length(status, "status \(status)", head), context)
        case .echo:
            write("HTTP/1.1 200 OK\r\ncontent-length: \(body.readableBytes)\r\n\r\n", context)
            context.writeAndFlush(wrapOutboundOut(body), promise: nil)
        case .body(let bytes, let fields):
            let lines = fields.replacing("\n", with: "\r\n")
            write("HTTP/1.1 200 OK\r\n\(lines)content-length: \(bytes.count)\r\n\r\n", context)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        case .hang: break
        case .raw(let text, let closes):
            write(text, context)
            if closes { context.close(promise: nil) }
        case .closeOnSecond:
            if served > 1 { context.close(promise: nil) } else { write(length(200, "first", head), context) }
        case .held: state.value.streams.append(context.channel)
        case .slow(let time):
            let channel = context.channel
            context.eventLoop.scheduleTask(in: time) {
                channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), promise: nil)
            }
        case .events:
            write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n", context)
            state.value.streams.append(context.channel)
        }
    }

    private static func text(_ fields: HTTPHeaders) -> String {
        fields.map { "\($0.name): \($0.value)\n" }.joined()
    }

    private func length(_ status: Int, _ text: String, _ head: HTTPRequestHead) -> String {
        "HTTP/1.1 \(status) Some\r\ncontent-length: \(text.utf8.count)\r\n\r\n" + (head.method == .HEAD ? "" : text)
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}

import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Serving

/// Answers the requests of one control connection, one at a time.
final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let follower: RouteFollower
    /// Whether this connection may read and replace routes. Only a client that can open the state folder may.
    private let takesRoutes: Bool
    private let plane: DataPlaneHandle
    private let limits: ProxyLimits
    private let logger: Logger
    private let connections: NIOLoopBoundBox<Int>
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isTooLarge = false

    init(
        follower: RouteFollower, takesRoutes: Bool, limits: ProxyLimits, logger: Logger,
        connections: NIOLoopBoundBox<Int>
    ) {
        self.follower = follower
        self.takesRoutes = takesRoutes
        plane = follower.plane
        self.limits = limits
        self.logger = logger
        self.connections = connections
    }

    func channelActive(context: ChannelHandlerContext) {
        connections.value += 1
        if connections.value > limits.controlConnections { context.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        connections.value -= 1
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
            isTooLarge = false
        case .body(var part):
            if body.readableBytes + part.readableBytes > limits.controlBodyBytes {
                isTooLarge = true
            } else {
                body.writeBuffer(&part)
            }
        case .end:
            guard let head else { return }
            self.head = nil
            respond(to: head, context: context)
        }
    }

    private func respond(to head: HTTPRequestHead, context: ChannelHandlerContext) {
        let channel = context.channel
        let closes = !head.isKeepAlive
        let answer = answer(to: head, on: context.eventLoop)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        answer.hop(to: context.eventLoop).whenComplete { result in
            guard channel.isActive else { return }
            let answer: ControlAnswer
            switch result {
            case .success(let success): answer = success
            case .failure(let error): answer = .error(.internalServerError, "\(error)")
            }
            Self.write(answer, closes: closes, context: bound.value)
        }
    }

    private static func write(_ answer: ControlAnswer, closes: Bool, context: ChannelHandlerContext) {
        var fields = HTTPHeaders([
            ("content-type", answer.contentType), ("content-length", "\(answer.body.readableBytes)"),
        ])
        if closes { fields.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: fields)
        context.write(NIOAny(OutboundOut.head(head)), promise: nil)
        context.write(NIOAny(OutboundOut.body(.byteBuffer(answer.body))), promise: nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        if closes { written.futureResult.whenComplete { _ in channel.close(promise: nil) } }
        context.writeAndFlush(NIOAny(OutboundOut.end(nil)), promise: written)
    }

    private func answer(to head: HTTPRequestHead, on loop: any EventLoop) -> EventLoopFuture<ControlAnswer> {
        if isTooLarge {
            return loop.makeSucceededFuture(.error(.payloadTooLarge, "over \(limits.controlBodyBytes) bytes"))
        }
        switch (head.method, head.uri) {
        case (.PUT, "/routes") where takesRoutes: return put(on: loop)
        case (.GET, "/routes") where takesRoutes: return loop.makeSucceededFuture(.json(follower.routes))
        case (.GET, "/report"): return plane.report().hop(to: loop).map { .json($0) }
        case (.GET, "/metrics"): return plane.traffic().hop(to: loop).map { .text($0.prometheusText()) }
        case (.GET, "/healthz"): return plane.answers().hop(to: loop).map { .text("ok\n") }
        case (.GET, "/readyz"):
            return plane.report().hop(to: loop).map { report in
                report.generation > 0
                    ? .text("ok\n") : .error(.serviceUnavailable, "the proxy has not received routes yet")
            }
        case (_, "/routes"), (_, "/report"), (_, "/metrics"), (_, "/healthz"):
            return loop.makeSucceededFuture(.error(.methodNotAllowed, "use GET, or PUT /routes"))
        default:
            return loop.makeSucceededFuture(
                .error(
                    .notFound, "use GET or PUT /routes, GET /report, GET /metrics, GET /healthz or GET /readyz")
            )
        }
    }

    private func put(on loop: any EventLoop) -> EventLoopFuture<ControlAnswer> {
        let routes: ProxyRoutes
        do {
            routes = try JSONDecoder().decode(ProxyRoutes.self, from: Data(body.readableBytesView))
        } catch {
            return loop.makeSucceededFuture(.error(.badRequest, "the body is not ProxyRoutes in JSON: \(error)"))
        }
        body.clear()
        return follower.follow(routes).hop(to: loop).map { .json($0) }
    }
}

/// An answer of the control server.
struct ControlAnswer: Sendable {
    var status: HTTPResponseStatus
    var contentType: String
    var body: ByteBuffer

    static func json(_ value: some Encodable) -> ControlAnswer {
        do {
            let data = try JSONEncoder().encode(value)
            return ControlAnswer(status: .ok, contentType: "application/json", body: ByteBuffer(bytes: data))
        } catch {
            return .error(.internalServerError, "\(error)")
        }
    }

    static func text(_ text: String) -> ControlAnswer {
        ControlAnswer(
            status: .ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: ByteBuffer(string: text))
    }

    static func error(_ status: HTTPResponseStatus, _ message: String) -> ControlAnswer {
        var answer = json(["error": message])
        answer.status = status
        return answer
    }
}

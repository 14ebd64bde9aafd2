import NIOCore
import NIOHTTP1
import NIOPosix

/// State that all connections share. Used on the server's only event loop.
struct ServerState: Sendable {
    var metrics = InferenceMetrics()
    var isDraining = false
}

/// One connection: carries out the actions of `RequestAssembly`, scores outside the event loop, and writes answers.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let service: InferenceService
    private let scoring: NIOThreadPool
    private let state: NIOLoopBoundBox<ServerState>
    private let pendingLimit: Int
    private let report: @Sendable (String) -> Void
    private var assembly: RequestAssembly
    private var isScoring = false

    init(
        service: InferenceService, scoring: NIOThreadPool, state: NIOLoopBoundBox<ServerState>, limits: ServerLimits,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.service = service
        self.scoring = scoring
        self.state = state
        pendingLimit = limits.pendingInferences
        self.report = report
        assembly = RequestAssembly(bodyLimitBytes: limits.bodyBytes)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): act(on: assembly.headReceived(head), context: context)
        case .body(let buffer): act(on: assembly.bodyReceived(buffer.readableBytesView), context: context)
        case .end:
            context.triggerUserOutboundEvent(RequestDeadline.RequestReceived(), promise: nil)
            act(on: assembly.endReceived(), context: context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            if !isScoring { context.close(promise: nil) }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func act(on action: RequestAssembly.Action, context: ChannelHandlerContext) {
        switch action {
        case .none: break
        case .askForBody:
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        case .refuse(let answer): write(answer, isHead: false, keepAlive: false, context: context)
        case .close: context.close(promise: nil)
        case .perform(let request): perform(request, context: context)
        }
    }

    private func perform(_ request: RequestAssembly.Request, context: ChannelHandlerContext) {
        let head = request.head
        let model = service.model
        let route = Route(method: head.method, uri: head.uri, modelName: model.name, modelVersion: model.version)
        let immediate: Answer
        switch route {
        case .infer: return infer(request, context: context)
        case .serverMetadata: immediate = InferenceService.serverMetadata()
        case .live: immediate = .json(["live": true])
        case .ready: immediate = readiness(["ready": true])
        case .modelReady: immediate = readiness(ModelReady(name: model.name, ready: true))
        case .modelMetadata: immediate = service.metadata()
        case .metrics:
            let text = state.value.metrics.exposition(model: model.name, version: model.version)
            immediate = Answer(
                status: .ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: [UInt8](text.utf8))
        case .refused(let answer): immediate = answer
        }
        finish(immediate, head: head, context: context)
    }

    /// A draining server is not ready, so that clients go elsewhere.
    private func readiness(_ ready: some Encodable) -> Answer {
        state.value.isDraining ? .error(.serviceUnavailable, "the server is stopping") : .json(ready)
    }

    private func infer(_ request: RequestAssembly.Request, context: ChannelHandlerContext) {
        let started = NIODeadline.now()
        guard state.value.metrics.inFlight < pendingLimit else {
            let busy = Answer.error(
                .serviceUnavailable, "\(pendingLimit) requests are already waiting; send fewer at once")
            state.value.metrics.ended(status: busy.status.code, seconds: 0)
            return finish(busy, head: request.head, context: context)
        }
        state.value.metrics.inFlight += 1
        isScoring = true
        let scored = scoring.runIfActive(eventLoop: context.eventLoop) { [service, report] in
            let answer = service.infer(request.body)
            if answer.status.code >= 500 {
                let id = request.head.headers.first(name: "x-request-id").map { "request \($0.prefix(100)): " } ?? ""
                report("\(id)\(answer.status.code) \(String(decoding: answer.body, as: UTF8.self))")
            }
            return answer
        }
        scored.assumeIsolated().whenComplete { result in
            let answer =
                switch result {
                case .success(let answer): answer
                case .failure: Answer.error(.serviceUnavailable, "the server is stopping")
                }
            let seconds = Double((NIODeadline.now() - started).nanoseconds) / 1e9
            self.isScoring = false
            self.state.value.metrics.inFlight -= 1
            self.state.value.metrics.ended(status: answer.status.code, seconds: seconds)
            self.finish(answer, head: request.head, context: context)
        }
    }

    private func finish(_ answer: Answer, head: HTTPRequestHead, context: ChannelHandlerContext) {
        let keepAlive = head.isKeepAlive && !state.value.isDraining
        write(answer, isHead: head.method == .HEAD, keepAlive: keepAlive, context: context)
    }

    private func write(_ answer: Answer, isHead: Bool, keepAlive: Bool, context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: answer.contentType)
        headers.add(name: "content-length", value: "\(answer.body.count)")
        if let allow = answer.allow { headers.add(name: "allow", value: allow) }
        if !keepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            let body = context.channel.allocator.buffer(bytes: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        // A refused request is still arriving. Its connection closes when the request has ended.
        if !keepAlive, !assembly.isRefusing {
            written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }
}

private struct ModelReady: Encodable {
    var name: String
    var ready: Bool
}

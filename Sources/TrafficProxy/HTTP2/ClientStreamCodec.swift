import HTTP1
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One request of an HTTP/2 connection: gives it to a `ClientConnection` as HTTP/1.1, and turns the answer into frames.
///
/// So weights, users, retries, queues and counters are the same for both versions. Bodies are not copied on their way back.
final class ClientStreamCodec: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum Answer {
        /// Its head is missing. Can transition to: body, ended
        case head
        /// Can transition to: ended
        case body(BodyFraming)
        case ended
    }

    private let plane: DataPlane
    /// Set while both are in the pipeline.
    var client: ClientConnection?
    private var request = BodyTranslation()
    private var answer = Answer.head
    /// The last frame of the answer has left the proxy's buffers.
    private var endWasSent = false
    private var whenEnded: EventLoopFuture<Void>?
    private var context: ChannelHandlerContext?
    /// What is known of the request once its head is there.
    private(set) var head: RequestTranslation.Head?

    init(plane: DataPlane) { self.plane = plane }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        client = nil
    }

    // MARK: The request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let headers):
            if head == nil { readHead(headers, context) } else { readTrailers(headers, context) }
        case .data(let part):
            guard case .byteBuffer(let bytes) = part.data else { return }
            readBody(bytes, endsStream: part.endStream, context)
        default: break
        }
    }

    private func readHead(_ headers: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 1024)
        do {
            let head = try RequestTranslation.write(headers.headers, endsStream: headers.endStream, to: &buffer)
            self.head = head
            request = BodyTranslation(head.framing, hasEnded: headers.endStream)
            context.fireChannelRead(wrapInboundOut(buffer))
        } catch {
            reset(.protocolError, context)
        }
    }

    private func readBody(_ bytes: ByteBuffer, endsStream: Bool, _ context: ChannelHandlerContext) {
        do {
            let translated = try request.translate(bytes, endsStream: endsStream, context.channel.allocator)
            if let translated { context.fireChannelRead(wrapInboundOut(translated)) }
        } catch {
            reset(.protocolError, context)
        }
    }

    /// Trailers of requests are read and dropped: no server of models needs them.
    private func readTrailers(_ headers: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext) {
        guard headers.endStream, (try? ResponseTranslation.trailers(headers.headers)) != nil else {
            reset(.protocolError, context)
            return
        }
        readBody(ByteBuffer(), endsStream: true, context)
    }

    private func reset(_ code: HTTP2ErrorCode, _ context: ChannelHandlerContext) {
        request.hasEnded = true
        answer = .ended
        context.writeAndFlush(wrapOutboundOut(.rstStream(code)), promise: nil)
    }

    // MARK: The answer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        while bytes.readableBytes > 0 {
            switch answer {
            case .head: guard writeHead(&bytes, context) else { break }
            case .body(let framing): writeBody(&bytes, framing, context)
            case .ended: bytes.clear()
            }
        }
        promise?.succeed()
    }

    private func writeHead(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) -> Bool {
        let isToHead = client?.isToHead ?? false
        let isCall = head?.isCall ?? false
        let translated = bytes.withUnsafeReadableBytes { raw -> (head: ResponseHead, fields: HPACKHeaders)? in
            guard case .complete(let head) = plane.ownAnswerScanner.scan(raw, isToHead: isToHead) else { return nil }
            let source = raw.baseAddress!.assumingMemoryBound(to: UInt8.self)
            return (head, HeadToHTTP2.answer(head, source, dropsLength: isCall && head.body.isDone))
        }
        guard let (head, fields) = translated else {
            bytes.clear()
            reset(.internalError, context)
            return false
        }
        bytes.moveReaderIndex(forwardBy: head.length)
        let ends = !head.isInterim && head.body.isDone
        write(.headers(.init(headers: fields, endStream: ends)), ends: ends, context)
        if !head.isInterim, !ends { answer = .body(head.body) }
        return true
    }

    private func writeBody(_ bytes: inout ByteBuffer, _ framing: BodyFraming, _ context: ChannelHandlerContext) {
        var framing = framing
        var runs: [Range<Int>] = []
        let progress = bytes.withUnsafeReadableBytes { raw in framing.decode(raw) { runs.append($0) } }
        answer = .body(framing)
        var isDone = false
        switch progress {
        case .more: break
        case .done: isDone = true
        case .invalid:
            bytes.clear()
            reset(.internalError, context)
            return
        }
        let trailers = isDone ? trailers : nil
        for (index, run) in runs.enumerated() where !run.isEmpty {
            guard let part = bytes.getSlice(at: bytes.readerIndex + run.lowerBound, length: run.count) else { continue }
            let ends = isDone && trailers == nil && index == runs.count - 1
            write(.data(.init(data: .byteBuffer(part), endStream: ends)), ends: ends, context)
        }
        bytes.clear()
        guard isDone, case .body = answer else { return }
        if let trailers {
            write(.headers(.init(headers: trailers, endStream: true)), ends: true, context)
        } else {
            write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)), ends: true, context)
        }
    }

    /// A call whose server sent no trailers gets some all the same: clients then know what happened.
    private var trailers: HPACKHeaders? {
        if let sent = client?.upstream?.stream?.trailers { return sent }
        guard head?.isCall == true else { return nil }
        return Self.trailers(.unknown, "the server ended the call without a status")
    }

    private static func trailers(_ status: RPCStatus, _ message: String) -> HPACKHeaders {
        HPACKHeaders([("grpc-status", String(status.rawValue)), ("grpc-message", RPCStatus.message(message))])
    }

    /// Ends a call whose answer has begun.
    func end(with status: RPCStatus, _ message: String) {
        guard case .body = answer, let context else { return }
        write(.headers(.init(headers: Self.trailers(status, message), endStream: true)), ends: true, context)
        context.flush()
    }

    private func write(_ payload: HTTP2Frame.FramePayload, ends: Bool, _ context: ChannelHandlerContext) {
        guard ends else {
            context.write(wrapOutboundOut(payload), promise: nil)
            return
        }
        answer = .ended
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenSuccess { self.endWasSent = true }
        whenEnded = sent.futureResult
        context.write(wrapOutboundOut(payload), promise: sent)
    }

    // MARK: Ending

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output:
            guard let whenEnded else {
                context.close(mode: .all, promise: promise)
                return
            }
            promise?.completeWith(whenEnded)
            guard !request.hasEnded else { return }
            // The answer is complete, and the rest of the request is not needed (RFC 9113, section 8.1).
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            whenEnded.whenSuccess {
                let (codec, context) = bound.value
                guard !codec.request.hasEnded else { return }
                codec.request.hasEnded = true
                context.writeAndFlush(codec.wrapOutboundOut(.rstStream(.noError)), promise: nil)
            }
        case .input: context.close(mode: mode, promise: promise)
        case .all:
            // A stream that both sides have ended closes by itself.
            if request.hasEnded, endWasSent {
                promise?.succeed()
                return
            }
            if case .body = answer {
                answer = .ended
                context.writeAndFlush(wrapOutboundOut(.rstStream(.internalError)), promise: nil)
            }
            context.close(mode: .all, promise: promise)
        }
    }
}

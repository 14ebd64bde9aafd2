import HTTP1
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One request to an instance by HTTP/2: turns the request of an `UpstreamConnection` into frames, and gives it the answer as
/// HTTP/1.1.
final class InstanceStreamCodec: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum Request {
        /// Its head is missing. Can transition to: body, ended
        case head
        /// Can transition to: ended
        case body(BodyFraming)
        case ended
    }

    private let plane: DataPlane
    /// The connection that it belongs to.
    private weak var link: InstanceLink?
    private var request = Request.head
    /// The last frame of the request has left the proxy's buffers.
    private var endWasSent = false
    private var isCall = false
    private var isToHead = false
    private var answer: BodyTranslation?
    /// Trailers of the answer, once it is complete.
    private(set) var trailers: HPACKHeaders?
    private var callStatus: String?
    /// Why the instance reset the stream. Nil if it did not.
    private var resetCode: HTTP2ErrorCode?
    /// The instance broke a rule of HTTP/2.
    private(set) var fault: HTTP2Fault?

    init(plane: DataPlane, link: InstanceLink) {
        self.plane = plane
        self.link = link
    }

    /// How a call ended whose answer is complete.
    func callStatus(httpStatus: Int) -> RPCStatus {
        if let field = callStatus ?? trailers?.first(name: "grpc-status") { return RPCStatus(field: field) }
        return RPCStatus(httpStatus: httpStatus)
    }

    /// How a call ended whose answer was cut off.
    var cutStatus: RPCStatus {
        resetCode.map { RPCStatus(reset: $0.networkCode) } ?? (fault == nil ? .unavailable : .internal)
    }

    /// The instance has not acted on the request, and says so (RFC 9113, section 8.7).
    var wasRefused: Bool { resetCode == .refusedStream }

    // MARK: The request

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        while bytes.readableBytes > 0 {
            switch request {
            case .head: writeHead(&bytes, context)
            case .body(let framing): writeBody(&bytes, framing, context)
            case .ended: bytes.clear()
            }
        }
        promise?.succeed()
    }

    private func writeHead(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
        let translated = bytes.withUnsafeReadableBytes { raw -> (RequestHead, HPACKHeaders, isCall: Bool)? in
            guard case .complete(let head) = plane.ownRequestScanner.scan(raw) else { return nil }
            let source = raw.baseAddress!.assumingMemoryBound(to: UInt8.self)
            let (fields, isCall) = HeadToHTTP2.request(head, source)
            return (head, fields, isCall)
        }
        guard let (head, fields, isCall) = translated else {
            // The proxy itself wrote the head, in one piece.
            bytes.clear()
            request = .ended
            context.close(promise: nil)
            return
        }
        self.isCall = isCall
        isToHead = head.method == .head
        bytes.moveReaderIndex(forwardBy: head.length)
        request = .body(head.body)
        write(.headers(.init(headers: fields, endStream: head.body.isDone)), ends: head.body.isDone, context)
    }

    private func writeBody(_ bytes: inout ByteBuffer, _ framing: BodyFraming, _ context: ChannelHandlerContext) {
        var framing = framing
        var runs: [Range<Int>] = []
        let progress = bytes.withUnsafeReadableBytes { raw in framing.decode(raw) { runs.append($0) } }
        request = .body(framing)
        let isDone = if case .done = progress { true } else { false }
        for (index, run) in runs.enumerated() where !run.isEmpty {
            guard let part = bytes.getSlice(at: bytes.readerIndex + run.lowerBound, length: run.count) else { continue }
            let ends = isDone && index == runs.count - 1
            write(.data(.init(data: .byteBuffer(part), endStream: ends)), ends: ends, context)
        }
        bytes.clear()
        guard isDone, case .body = request else { return }
        write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)), ends: true, context)
    }

    private func write(_ payload: HTTP2Frame.FramePayload, ends: Bool, _ context: ChannelHandlerContext) {
        guard ends else {
            context.write(wrapOutboundOut(payload), promise: nil)
            return
        }
        request = .ended
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenSuccess { self.endWasSent = true }
        context.write(wrapOutboundOut(payload), promise: sent)
    }

    // MARK: The answer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(HTTP2Fault) {
            switch unwrapInboundIn(data) {
            case .headers(let headers):
                if answer == nil { try readHead(headers, context) } else { try readTrailers(headers, context) }
            case .data(let part):
                guard case .byteBuffer(let bytes) = part.data else { return }
                try readBody(bytes, endsStream: part.endStream, context)
            default: break
            }
        } catch {
            fault = error
            context.close(promise: nil)
        }
    }

    private func readHead(
        _ headers: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext
    ) throws(HTTP2Fault) {
        var buffer = context.channel.allocator.buffer(capacity: 1024)
        let head = try ResponseTranslation.write(
            headers.headers, endsStream: headers.endStream, isToHead: isToHead, isCall: isCall, to: &buffer)
        if !head.isInterim {
            answer = BodyTranslation(head.framing, hasEnded: headers.endStream)
            callStatus = head.callStatus
        } else if head.status != 100 {
            return
        }
        context.fireChannelRead(wrapInboundOut(buffer))
    }

    private func readBody(
        _ bytes: ByteBuffer, endsStream: Bool, _ context: ChannelHandlerContext
    ) throws(HTTP2Fault) {
        if let translated = try answer?.translate(bytes, endsStream: endsStream, context.channel.allocator) {
            context.fireChannelRead(wrapInboundOut(translated))
        }
    }

    private func readTrailers(
        _ headers: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext
    ) throws(HTTP2Fault) {
        guard headers.endStream else { throw .latePseudoField }
        trailers = try ResponseTranslation.trailers(headers.headers)
        try readBody(ByteBuffer(), endsStream: true, context)
    }

    // MARK: Ending

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let closed = error as? NIOHTTP2Errors.StreamClosed { resetCode = closed.errorCode }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        link?.streamEnded()
        context.fireChannelInactive()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // A stream that both sides have ended closes by itself.
        if mode == .all, answer?.hasEnded == true, endWasSent {
            promise?.succeed()
            return
        }
        context.close(mode: mode, promise: promise)
    }
}

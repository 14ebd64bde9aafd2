import HTTP1
import NIOCore

/// Answers on their way to the client, from the instance or from the proxy itself.
extension ClientConnection {
    /// Up to this many bytes of a body are copied behind the head, so that both go out in one write.
    private static let joinedBytesMax = 16 * 1024

    /// Forwards 100 Continue, which HTTP/1.0 does not have.
    func forwardContinue() {
        guard !exchange.isVersion10, let context else { return }
        var bytes = context.channel.allocator.buffer(capacity: 32)
        bytes.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// - Parameter bytes: begin with the head, which is removed from them.
    @inline(__always)
    func beginAnswer(_ head: ResponseHead, _ bytes: inout ByteBuffer) {
        guard let instance, let revision else { return }
        let now = plane.now
        exchange.answerHasBegun = true
        if exchange.slices != nil { readSlicedBody() }
        exchange.isHeld = false
        exchange.status = head.status
        exchange.latencyNanoseconds = now - exchange.startedAt
        deadline(after: plane.bodyIdleNanoseconds, from: now)
        instance.ejection.succeeded()

        let options = exchange.planAnswer(head, endsConnections: endsAfterAnswer)
        if let tap { tap.answerBegan(head, bytes) }
        answerBytes.clear()
        bytes.withUnsafeReadableBytes { raw in
            HeadWriter.write(
                head, raw.baseAddress!.assumingMemoryBound(to: UInt8.self), plane.responseScanner.spans,
                id: requestId, fields: revision.fields, options: options, to: &answerBytes)
        }
        hasPendingAnswer = true
        bytes.moveReaderIndex(forwardBy: head.length)
    }

    /// Forwards the bytes that belong to the answer's body.
    @inline(__always)
    func forwardAnswer(_ bytes: inout ByteBuffer, _ body: inout BodyFraming) -> BodyFraming.Progress {
        deadline(after: plane.bodyIdleNanoseconds, from: plane.now)
        guard let tap else { return passOn(&bytes, &body) }
        let part = bytes
        let progress = passOn(&bytes, &body)
        tap.answerPart(part, part.readableBytes - bytes.readableBytes)
        return progress
    }

    @inline(__always)
    private func passOn(_ bytes: inout ByteBuffer, _ body: inout BodyFraming) -> BodyFraming.Progress {
        switch exchange.answerForm {
        case .verbatim:
            let progress = bytes.withUnsafeReadableBytes { body.consume($0) }
            if let count = count(of: progress, in: bytes) { forward(&bytes, count) }
            return progress
        case .dechunked:
            var runs: [Range<Int>] = []
            let progress = bytes.withUnsafeReadableBytes { raw in body.decode(raw) { runs.append($0) } }
            let start = bytes.readerIndex
            for run in runs {
                var slice = bytes.getSlice(at: start + run.lowerBound, length: run.count)!
                forward(&slice, run.count)
            }
            if let count = count(of: progress, in: bytes) { bytes.moveReaderIndex(forwardBy: count) }
            return progress
        case .chunked:
            let count = bytes.readableBytes
            var frame = bytes.getSlice(at: bytes.readerIndex, length: 0)!
            frame.clear()
            frame.writeString(String(count, radix: 16) + "\r\n")
            writePending()
            context?.write(wrapOutboundOut(frame), promise: nil)
            forward(&bytes, count)
            var end = frame
            end.clear()
            end.writeStaticString("\r\n")
            context?.write(wrapOutboundOut(end), promise: nil)
            return .more
        }
    }

    private func count(of progress: BodyFraming.Progress, in bytes: ByteBuffer) -> Int? {
        switch progress {
        case .more: bytes.readableBytes
        case .done(let count): count
        case .invalid: nil
        }
    }

    @inline(__always)
    private func forward(_ bytes: inout ByteBuffer, _ count: Int) {
        if hasPendingAnswer, answerBytes.readableBytes + count <= Self.joinedBytesMax {
            bytes.withUnsafeReadableBytes { raw in
                _ = answerBytes.writeBytes(UnsafeRawBufferPointer(rebasing: raw[..<count]))
            }
            bytes.moveReaderIndex(forwardBy: count)
            return
        }
        writePending()
        if let slice = bytes.readSlice(length: count) { context?.write(wrapOutboundOut(slice), promise: nil) }
    }

    @inline(__always)
    private func writePending() {
        guard hasPendingAnswer else { return }
        hasPendingAnswer = false
        context?.write(wrapOutboundOut(answerBytes), promise: nil)
    }

    @inline(__always)
    func flushAnswer() {
        writePending()
        context?.flush()
    }

    /// - Parameter connection: the connection to the instance, if it can serve another request.
    @inline(__always)
    func answerIsWhole(release connection: UpstreamConnection?) {
        count(outcome, now: exchange.startedAt)
        if let tap, let instance { tap.answerEnded(at: instance) }
        if exchange.answerForm == .chunked, let context {
            writePending()
            var end = context.channel.allocator.buffer(capacity: 8)
            end.writeStaticString("0\r\n\r\n")
            context.write(wrapOutboundOut(end), promise: nil)
        }
        flushAnswer()
        exchangeIsOver(release: connection)
    }

    /// The instance ended its answer too early. The client notices, because its own copy ends early too.
    func answerWasCutOff() {
        count(.failed, now: plane.now)
        if exchange.call != nil {
            endCall(upstream?.stream?.cutStatus ?? .unavailable, Self.cutOff)
            return
        }
        flushAnswer()
        close()
    }

    /// No byte moved for too long. The instance is at fault only if the client could still take data.
    func answerStalled(now: Int64) {
        if context?.channel.isWritable == true { count(.failed, now: now) }
        close()
    }

    /// Sends an answer of the proxy itself.
    func answer(_ own: LocalReply) {
        guard let context else { return }
        settle(\.turnedAway)
        exchange.planOwnAnswer(endsConnections: endsAfterAnswer)
        if revision == nil { requestId.mint(plane.nobodysMint, word: plane.requestWords.next()) }
        var bytes = context.channel.allocator.buffer(capacity: 1024)
        let name = revision?.name ?? RequestIdSigner.nobody
        if exchange.call != nil {
            own.writeToCall(revision: name, id: requestId, to: &bytes)
        } else {
            own.write(
                revision: name, id: requestId, closes: exchange.closes, isToHead: exchange.isToHead, to: &bytes)
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        exchangeIsOver(release: nil)
    }

    @inline(__always)
    private func deadline(after nanoseconds: Int64, from now: Int64) {
        movedAt = now
        setDeadline(now &+ nanoseconds)
    }
}

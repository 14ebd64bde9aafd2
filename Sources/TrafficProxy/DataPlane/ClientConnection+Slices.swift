import HTTP1
import NIOCore

/// Assigns a request to slices of the traffic.
extension ClientConnection {
    /// By the request's head.
    func mark(_ head: RequestHead, _ source: UnsafePointer<UInt8>, by table: SliceTable) {
        let marks = table.marks(source, head, plane.requestScanner.spans)
        if marks.needsBody {
            exchange.headBytes = requestBytes.readableBytes
            let isChunked = if case .chunked = head.body { true } else { false }
            exchange.bodyForm = BodyForm(
                isChunked: isChunked,
                coding: ContentCoding(source, from: head.fieldsStart, headLength: head.length))
        }
        exchange.slices = marks
    }

    /// By the request's body, while all of it is held: when the answer begins, or when the attempt is over. A body that is larger
    /// than the buffer, or incomplete by then, has no value.
    func readSlicedBody() {
        guard exchange.slices?.needsBody == true else { return }
        guard exchange.isHeld, exchange.requestIsWhole,
            let body = requestBytes.getSlice(
                at: requestBytes.readerIndex + exchange.headBytes,
                length: requestBytes.readableBytes - exchange.headBytes),
            case .success(let payload) = CopiedBody.bytes(
                body, exchange.bodyForm, bytesMax: plane.limits.bufferedRequestBytes
            ).payload
        else {
            exchange.slices?.readBody(nil)
            return
        }
        payload.withUnsafeReadableBytes { exchange.slices?.readBody($0) }
    }

    func countInSlices(at instance: Instance, _ outcome: RequestOutcome, nanoseconds: Int64, endedAt end: Int64) {
        readSlicedBody()
        guard let marks = exchange.slices, let tallies = instance.slices, tallies.table === marks.table else { return }
        tallies.count(marks, outcome, nanoseconds: nanoseconds, endedAt: end)
    }

    func countAbandonedInSlices(at instance: Instance, afterNanoseconds waited: Int64, now: Int64) {
        readSlicedBody()
        guard let marks = exchange.slices, let tallies = instance.slices, tallies.table === marks.table else { return }
        tallies.countAbandoned(marks, afterNanoseconds: waited, at: now)
    }
}

/// Observes or mirrors requests that were drawn for it.
extension ClientConnection {
    /// Draws whether this user request is observed or mirrored. By now its revision is chosen and its head is in `requestBytes`.
    @inline(__always)
    func drawTap(_ head: RequestHead, _ bytes: ByteBuffer) {
        // Calls carry no JSON to read or to compare.
        if let taps = listener.route?.taps, exchange.origin == .user, exchange.call == nil {
            drawTap(from: taps, head, bytes)
        }
    }

    private func drawTap(from taps: RouteTaps, _ head: RequestHead, _ bytes: ByteBuffer) {
        guard let revision else { return }
        tap = bytes.withUnsafeReadableBytes { raw in
            taps.tap(
                head, raw.baseAddress!.assumingMemoryBound(to: UInt8.self), answeredBy: revision,
                isEvidence: exchange.isEvidence, slices: exchange.slices, id: requestId, sent: requestBytes,
                plane: plane)
        }
    }

    /// The request is complete and was forwarded as far as possible: its copies may go out now.
    @inline(__always)
    func notifyTapOfRequestEnd(_ tap: ExchangeTap?) {
        if let tap, exchange.requestIsWhole { tap.requestEnded() }
    }
}

import NIOCore

/// Observes or mirrors requests that were drawn for it.
extension ClientConnection {
    /// Draws whether this user request is observed or mirrored. By now its revision is chosen and its head is in `requestBytes`.
    @inline(__always)
    func drawTap(_ head: RequestHead, _ bytes: ByteBuffer) {
        if let taps = listener.route?.taps, exchange.origin == .user { drawTap(from: taps, head, bytes) }
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
    func tellTapOfRequestEnd(_ tap: ExchangeTap?) {
        if let tap, exchange.requestIsWhole { tap.requestEnded() }
    }
}

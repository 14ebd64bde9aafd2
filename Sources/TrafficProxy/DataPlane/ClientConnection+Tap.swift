import HTTP1
import NIOCore

/// Listening in on requests that were drawn for it.
extension ClientConnection {
    /// Draws whether this request of a user is observed or copied. Its head was chosen for, and written into `requestBytes`.
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

    /// The request is whole, and went on as far as it could: now its copies may go.
    @inline(__always)
    func tellTapOfRequestEnd(_ tap: ExchangeTap?) {
        if let tap, exchange.requestIsWhole { tap.requestEnded() }
    }
}

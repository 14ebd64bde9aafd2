import HTTP1
import NIOCore

/// Requests of HTTP/2 connections, and gRPC calls.
extension ClientConnection {
    static let cutOff = "the instance ended the call before it was complete. Try again, and see 'mlctl logs'."

    /// The request is the only one of its stream.
    func beginStream(_ stream: ClientStreamCodec, now: Int64) {
        exchange.keepAlive = false
        guard let head = stream.head, head.isCall else { return }
        exchange.call = RPCCall(startedAt: now, timeoutNanoseconds: head.timeoutNanoseconds)
    }

    /// How the request ended whose answer is complete.
    @inline(__always)
    var outcome: RequestOutcome {
        exchange.call == nil ? .answered(status: exchange.status) : callOutcome
    }

    private var callOutcome: RequestOutcome {
        .call(upstream?.stream?.callStatus(httpStatus: exchange.status) ?? .unknown)
    }

    /// The deadline that the client set has passed.
    func callTimedOut(now: Int64) {
        if let queue {
            self.queue = nil
            queue.giveUp(self)
            noteRefused(by: plane.tally(of: queue.deployment))
        } else if exchange.isInstancesTurn(readsAnswer: upstream?.isReading == true, readsRequest: isReading) {
            count(.call(.deadlineExceeded), now: now)
        }
        let message = "the call was not complete at its deadline (grpc-timeout)"
        if exchange.answerHasBegun {
            endCall(.deadlineExceeded, message)
        } else {
            leaveInstance()
            answer(LocalReply(504, message))
        }
    }

    /// Ends a call whose answer has begun.
    func endCall(_ status: RPCStatus, _ message: String) {
        leaveInstance()
        flushAnswer()
        stream?.end(with: status, message)
        exchangeIsOver(release: nil)
    }
}

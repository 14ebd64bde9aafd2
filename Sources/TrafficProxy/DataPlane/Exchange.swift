import HTTP1

/// The state of one request and its answer.
struct Exchange {
    /// How the answer's body is forwarded to the client.
    enum AnswerForm {
        /// Unchanged.
        case verbatim
        /// With the chunked coding removed, for HTTP/1.0 clients.
        case dechunked
        /// With chunked coding added, so that the client can tell the end of the answer from a failure.
        case chunked
    }

    // The request.
    var isToHead = false
    var isVersion10 = false
    var keepAlive = true
    var mayRepeat = false
    var requestBody = BodyFraming.none
    var requestIsWhole = true
    /// Everything read of the request is in the client's `requestBytes`, so it can be sent again.
    var isHeld = true
    /// When the last byte of the request arrived. A slow client is not the instance's fault.
    var startedAt: Int64 = 0
    var timeoutNanoseconds: Int64 = 0

    /// The request is a gRPC call.
    var call: RPCCall?

    // The attempts.
    var attempts = 0
    var origin = RequestOrigin.user
    var isEvidence = true
    /// The weights assigned the request to its revision, and its fate is not recorded there yet.
    var isDrawn = false
    /// For a sticky route, the user of the request, if the user counts at this proxy.
    var user: UInt64?
    /// The slices of the request. Nil if there are none, or if the request is not evidence.
    var slices: SliceMarks?
    /// The size of the head in the client's `requestBytes`, and how to read the body after it.
    var headBytes = 0
    var bodyForm = BodyForm()
    /// The request is in the counters. It is counted once, with its first attempt whose end was not caused by the client.
    var isCounted = false

    // The answer.
    var answerHasBegun = false
    /// The answer declares no length, so the drain time of streams applies.
    var isStream = false
    var answerForm = AnswerForm.verbatim
    var status = 0
    /// The time until the first byte of the answer's head.
    var latencyNanoseconds: Int64 = 0
    /// The client was told that the connection closes.
    var closes = false
}

extension Exchange {
    /// Decides how the instance's answer is forwarded, and whether the connection ends after it.
    ///
    /// - Parameter endsConnections: the proxy stops, or the endpoint was removed.
    /// - Returns: the fields that the client's copy of the head gets or loses.
    @inline(__always)
    mutating func planAnswer(_ head: ResponseHead, endsConnections: Bool) -> HeadWriter.AnswerOptions {
        var options = HeadWriter.AnswerOptions()
        switch head.body {
        case .chunked:
            isStream = true
            answerForm = isVersion10 ? .dechunked : .verbatim
        case .untilClose:
            isStream = true
            answerForm = isVersion10 ? .verbatim : .chunked
            options.addsTransferEncoding = !isVersion10
        case .none, .length:
            answerForm = .verbatim
        }
        options.dropsTransferEncoding = isVersion10 || head.status == 204
        let endsByClosing = isVersion10 && (head.body == .untilClose || answerForm == .dechunked)
        closes = !keepAlive || !requestIsWhole || endsByClosing || endsConnections
        options.connection = closes ? .close : isVersion10 ? .keepAlive : .unsaid
        return options
    }

    /// The same for an answer of the proxy itself, which always has a length.
    mutating func planOwnAnswer(endsConnections: Bool) { closes = !keepAlive || !requestIsWhole || endsConnections }

    /// Whether the next byte has to come from the instance, and not from the client. Only then does a client that gives up say
    /// something about the instance.
    ///
    /// - Parameters:
    ///   - readsAnswer: the proxy reads the answer: the client takes what is there.
    ///   - readsRequest: the proxy reads from the client. If not, the instance takes no more of the request.
    func isInstancesTurn(readsAnswer: Bool, readsRequest: Bool) -> Bool {
        answerHasBegun ? readsAnswer : requestIsWhole || !readsRequest
    }
}

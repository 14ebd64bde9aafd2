import HTTP1

/// One request and its answer, as far as they have come.
struct Exchange {
    /// How the answer's body goes on to the client.
    enum AnswerForm {
        /// As it comes.
        case verbatim
        /// Without chunks, for clients of HTTP/1.0.
        case dechunked
        /// In chunks, so that the client can tell its end from a failure.
        case chunked
    }

    // The request.
    var isToHead = false
    var isVersion10 = false
    var keepAlive = true
    var mayRepeat = false
    var requestBody = BodyFraming.none
    var requestIsWhole = true
    /// All that was read of the request is in the client's `requestBytes`: it can be sent again.
    var isHeld = true
    /// When the request's last byte came: slow senders are not the instance's fault.
    var startedAt: Int64 = 0
    var timeoutNanoseconds: Int64 = 0

    // The attempts.
    var attempts = 0
    var origin = RequestOrigin.user
    var isEvidence = true
    /// The weights gave it to its revision, and what becomes of it is still to be counted there.
    var isDrawn = false
    /// Of a sticky route: whose request it is, where he counts at this proxy.
    var user: UInt64?
    /// Which slices of the traffic it is in; nil where none are told apart, or it is no evidence.
    var slices: SliceMarks?
    /// Of the head in the client's `requestBytes`, and how its body is to be read.
    var headBytes = 0
    var bodyForm = BodyForm()
    /// The request entered the counters; it does so once, with its first attempt that was not the client's doing.
    var isCounted = false

    // The answer.
    var answerHasBegun = false
    /// The answer tells no length: its drain is that of streams.
    var isStream = false
    var answerForm = AnswerForm.verbatim
    var status = 0
    /// Time to the first byte of the answer's head.
    var latencyNanoseconds: Int64 = 0
    /// The client was told that the connection ends.
    var closes = false
}

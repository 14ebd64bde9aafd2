/// What a client connection does now. Pure: the connection supplies the facts and carries out what follows.
enum ClientPhase: Hashable, Sendable, CaseIterable {
    /// Between requests.
    case idle
    /// Part of a head has arrived.
    case readingHead
    /// A request is in progress.
    case exchanging
    /// The last answer is being sent. Input is discarded, so that the client reads the answer before it sees the connection end.
    case lingering
    case closed

    /// Whether the connection may go from this phase to the next one. A connection that is closed stays closed.
    func canBecome(_ next: ClientPhase) -> Bool {
        switch (self, next) {
        case (.closed, _): next == .closed
        case (_, .closed): true
        case (.idle, .readingHead), (.idle, .exchanging): true
        case (.readingHead, .exchanging): true
        case (.exchanging, .idle), (.exchanging, .lingering): true
        default: false
        }
    }

    /// How full the buffers are on a request's way to its instance.
    struct Buffers: Hashable, Sendable {
        /// Whether the connection to the instance accepts bytes. Nil while the request has no connection.
        var isUpstreamWritable: Bool?
        /// Bytes of the request that are buffered until there is a connection, and the most that may be.
        var requestBytes: Int
        var requestBytesMax: Int
        /// Bytes of the next requests that arrived early, and the most that may be.
        var pipelinedBytes: Int
        var pipelinedBytesMax: Int
    }

    /// Whether to read from the client: only while there is room for its bytes.
    func reads(requestIsWhole: Bool, _ buffers: Buffers) -> Bool {
        guard self == .exchanging else { return true }
        guard buffers.pipelinedBytes <= buffers.pipelinedBytesMax else { return false }
        guard !requestIsWhole else { return true }
        return buffers.isUpstreamWritable ?? (buffers.requestBytes < buffers.requestBytesMax)
    }

    /// What follows when the deadline of the connection has passed.
    enum AtDeadline: Hashable, Sendable {
        case nothing
        /// No request is in progress.
        case close
        /// 408: the client did not send its head in time.
        case refuseHead
        /// 408: the client stopped in the middle of its body. This is not the instance's fault.
        case refuseBody
        /// 503: no instance had room for the request in time.
        case leaveQueue
        /// The instance did not begin its answer in time.
        case failAttempt
        /// No byte of the answer moved for too long.
        case endStalledAnswer
    }

    /// - Parameters:
    ///   - isQueued: the request waits for room at an instance.
    ///   - isReading: the proxy reads from the client, so a missing byte is the client's fault.
    func atDeadline(_ exchange: Exchange, isQueued: Bool, isReading: Bool) -> AtDeadline {
        switch self {
        case .closed: .nothing
        case .idle, .lingering: .close
        case .readingHead: .refuseHead
        case .exchanging where exchange.answerHasBegun: .endStalledAnswer
        case .exchanging where isQueued: .leaveQueue
        case .exchanging: !exchange.requestIsWhole && isReading ? .refuseBody : .failAttempt
        }
    }
}

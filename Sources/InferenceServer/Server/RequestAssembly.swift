import NIOHTTP1

/// Assembles one connection's requests from their parts, and decides what to do at each part.
///
/// Can transition: idle → receiving → idle, and idle or receiving → refusing → idle. A refused request is answered before it has
/// ended: the rest of it is discarded, and then the connection is closed.
struct RequestAssembly {
    enum Action: Equatable {
        case none
        /// The client waits for `100 Continue` before it sends the body.
        case askForBody
        /// Answer now, and close the connection when the request has ended.
        case refuse(Answer)
        case perform(Request)
        case close
    }

    struct Request: Equatable {
        var head: HTTPRequestHead
        var body: [UInt8]
    }

    private enum State {
        case idle
        case receiving(Request)
        case refusing
    }

    private let bodyLimitBytes: Int
    private var state = State.idle

    init(bodyLimitBytes: Int) { self.bodyLimitBytes = bodyLimitBytes }

    /// True between a refusal and the end of the refused request.
    var isRefusing: Bool {
        if case .refusing = state { true } else { false }
    }

    mutating func headReceived(_ head: HTTPRequestHead) -> Action {
        if let length = head.headers.first(name: "content-length").flatMap(Int.init), length > bodyLimitBytes {
            return refuseBody()
        }
        guard !head.headers.contains(name: "inference-header-content-length") else {
            state = .refusing
            let message = "binary tensor data are not supported; send the tensors as JSON"
            return .refuse(.error(.badRequest, message))
        }
        state = .receiving(Request(head: head, body: []))
        let waits = head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
        return waits ? .askForBody : .none
    }

    mutating func bodyReceived(_ bytes: some Collection<UInt8>) -> Action {
        guard case .receiving(var request) = state else { return .none }
        guard request.body.count + bytes.count <= bodyLimitBytes else { return refuseBody() }
        // Empty while the body grows, so that it grows in place without a copy.
        state = .idle
        request.body += bytes
        state = .receiving(request)
        return .none
    }

    mutating func endReceived() -> Action {
        defer { state = .idle }
        switch state {
        case .receiving(let request): return .perform(request)
        case .refusing: return .close
        case .idle: return .none
        }
    }

    private mutating func refuseBody() -> Action {
        state = .refusing
        let message = "the body is over \(bodyLimitBytes) bytes; send fewer rows in one request"
        return .refuse(.error(.payloadTooLarge, message))
    }
}

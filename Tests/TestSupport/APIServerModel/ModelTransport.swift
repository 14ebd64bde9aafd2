import Foundation
import KubernetesClient
import ModelManifests

/// The model of the API server behind the client's own protocol, without a socket. Nothing waits: watches get changes when they
/// happen, and end by the clock that the test moves.
package actor ModelTransport: KubernetesTransport {
    /// How many lines a watcher may leave unread. Then its watch ends, as a server would end it.
    static let unreadLineLimit = 10_000
    /// The most requests that are kept in the log.
    static let loggedRequestLimit = 100_000

    private struct Watcher {
        var watch: ModelWatch
        var startedAt: Date
        var held: [ModelEvent] = []
        var lines: AsyncThrowingStream<Data, any Error>.Continuation
    }

    package private(set) var model: APIServerModel
    package var plan: FaultPlan
    /// All requests since the start, including watches.
    package private(set) var requestCount = 0
    package private(set) var log: [APIRequest] = []
    /// The server's messages for requests that its user may not make.
    package private(set) var forbidden: [String] = []
    /// Whether the server is unreachable. All watches have ended then.
    package private(set) var isAway = false
    /// Whether the cluster's controllers take a step after every write.
    package var runsControllers = false
    private var watchers: [Int: Watcher] = [:]
    private var lastWatcher = 0
    private let now: @Sendable () -> Date

    package init(_ model: APIServerModel, plan: FaultPlan = FaultPlan(), now: @escaping @Sendable () -> Date) {
        self.model = model
        self.plan = plan
        self.now = now
    }

    // MARK: The client's side

    package func send(_ request: APIRequest, timeout: Duration) throws -> APIResponse {
        switch try fault(for: request) {
        case .lostBefore: throw Self.lost(request)
        case .lostAfter:
            _ = take(request)
            throw Self.lost(request)
        case .tooManyRequests(let seconds):
            var refusal = Refusal(
                429, "TooManyRequests", "the server has received too many requests and has asked us to try again later")
            refusal.retryAfterSeconds = seconds
            return refusal.response
        case .unavailable:
            return Refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request").response
        case .unauthorized: return Refusal(401, "Unauthorized", "Unauthorized").response
        case .stale(let revisions): return stale(request, by: revisions)
        case nil: return take(request)
        }
    }

    package func lines(_ request: APIRequest, idleTimeout: Duration) throws -> AsyncThrowingStream<Data, any Error> {
        switch try fault(for: request) {
        case .lostBefore, .lostAfter: throw Self.lost(request)
        case .tooManyRequests(let seconds):
            throw APIError.answer(
                code: 429, body: Refusal(429, "TooManyRequests", "too many requests").status.data, request: request,
                retryAfterSeconds: seconds)
        case .unavailable: throw APIError.answer(code: 503, body: Data(), request: request)
        case .unauthorized:
            throw APIError.answer(
                code: 401, body: Refusal(401, "Unauthorized", "Unauthorized").status.data, request: request)
        case .stale, nil: return try open(request)
        }
    }

    // MARK: The test's side

    /// Changes the model, and sends the changes to the watches.
    @discardableResult
    package func update<Result: Sendable>(_ body: @Sendable (inout APIServerModel) throws -> Result) rethrows -> Result
    {
        let result = try body(&model)
        tell()
        return result
    }

    package func setPlan(_ plan: FaultPlan) { self.plan = plan }
    package func setRunsControllers(_ runs: Bool) { runsControllers = runs }

    /// One step of the cluster's controllers and of the garbage collector. Watches whose time is over end.
    package func step() {
        model.runControllers(now: now())
        model.collectGarbage(now: now())
        tell()
    }

    package func sendBookmarks() {
        tell()
        for (id, watcher) in watchers where watcher.watch.allowsBookmarks && watcher.held.isEmpty {
            deliver([model.bookmark(for: watcher.watch)], to: id)
        }
    }

    package func endWatches() {
        for watcher in watchers.values { watcher.lines.finish() }
        watchers = [:]
    }

    /// - Parameter isAway: whether the server is unreachable from now on.
    package func setAway(_ isAway: Bool) {
        self.isAway = isAway
        guard isAway else { return }
        for watcher in watchers.values {
            watcher.lines.finish(throwing: APIError(.transport, message: "connection reset by peer"))
        }
        watchers = [:]
    }

    package var watchCount: Int { watchers.count }

    /// The logged requests that may have changed something.
    package var writes: [APIRequest] { log.filter { $0.method != .get } }

    package func forgetLog() { log = [] }

    // MARK: Inside

    private func fault(for request: APIRequest) throws -> FaultPlan.Fault? {
        requestCount += 1
        if log.count < Self.loggedRequestLimit { log.append(request) }
        if isAway { throw Self.lost(request) }
        let takesWhatIsCached = request.method == .get && request.query.contains(.init("resourceVersion", "0"))
        return plan.fault(ofRequest: requestCount, takesWhatIsCached: takesWhatIsCached)
    }

    private func take(_ request: APIRequest) -> APIResponse {
        let response = model.handle(request, now: now())
        if response.code == 403 { forbidden.append(String(decoding: response.body, as: UTF8.self)) }
        if request.method != .get {
            if runsControllers {
                model.runControllers(now: now())
                model.collectGarbage(now: now())
            }
            tell()
        }
        return response
    }

    private func stale(_ request: APIRequest, by revisions: Int) -> APIResponse {
        var past = request
        past.query.removeAll { $0.name == "resourceVersion" || $0.name == "resourceVersionMatch" }
        past.query.append(.init("resourceVersion", String(max(1, model.revision - revisions))))
        past.query.append(.init("resourceVersionMatch", "Exact"))
        let response = model.handle(past, now: now())
        // A compacted past cannot be read; then the answer is the newest state.
        return response.code == 410 ? take(request) : response
    }

    private func open(_ request: APIRequest) throws -> AsyncThrowingStream<Data, any Error> {
        switch model.startWatch(request) {
        case .refused(let response):
            if response.code == 403 { forbidden.append(String(decoding: response.body, as: UTF8.self)) }
            throw APIError.answer(
                code: response.code, body: response.body, request: request,
                retryAfterSeconds: response.retryAfterSeconds)
        case .started(let watch, let events):
            let (stream, lines) = AsyncThrowingStream<Data, any Error>.makeStream(
                bufferingPolicy: .bufferingOldest(Self.unreadLineLimit))
            lastWatcher += 1
            watchers[lastWatcher] = Watcher(watch: watch, startedAt: now(), lines: lines)
            deliver(events, to: lastWatcher)
            if watch.isOver { end(lastWatcher) }
            return stream
        }
    }

    private func tell() {
        for id in watchers.keys.sorted() {
            guard var watcher = watchers[id] else { continue }
            let events = watcher.held + model.events(for: &watcher.watch)
            watcher.held = []
            watchers[id] = watcher
            let delivery = plan.deliver(events)
            watchers[id]?.held = delivery.held
            deliver(delivery.events, to: id)
            if delivery.endsWatch || watcher.watch.isOver || isOverdue(watcher) { end(id) }
        }
    }

    private func isOverdue(_ watcher: Watcher) -> Bool {
        guard let timeout = watcher.watch.timeout else { return false }
        return now().timeIntervalSince(watcher.startedAt) >= Double(timeout.components.seconds)
    }

    private func deliver(_ events: [ModelEvent], to id: Int) {
        for event in events {
            switch watchers[id]?.lines.yield(event.line) {
            case .enqueued: continue
            default:
                end(id)
                return
            }
        }
    }

    private func end(_ id: Int) { watchers.removeValue(forKey: id)?.lines.finish() }

    private static func lost(_ request: APIRequest) -> APIError {
        APIError(
            .transport, message: "connection reset by peer", request: "\(request.method.rawValue) \(request.path)")
    }
}

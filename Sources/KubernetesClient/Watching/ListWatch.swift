import Transport

/// The state machine that lists and watches all objects of a type. Pure: its shell (`ObjectCache`) carries out one action at a
/// time and reports the outcome.
///
/// # Guarantees
/// - No change is missed after a lost connection: the watch resumes after the last version that was seen, or everything is
///   listed again.
/// - No tight loop: after a failure, or a watch that ends too soon, it waits. The wait grows up to a cap.
///
/// # Assumptions
/// - Resource versions are opaque; it sends only versions that came from the server.
struct ListWatch<Generator: RandomNumberGenerator & Sendable>: Sendable {
    enum State: Hashable, Sendable {
        /// Nothing was requested yet. Can transition to: streaming, listing, watching (from a list that somebody else made).
        case idle
        /// A watch that begins with all objects is under way. Can transition to: watching, waiting, listing (if the server does
        /// not support such a watch).
        case streaming
        /// Reads the pages of a list; `token` names the page that was requested. Can transition to: listing (next page, or from
        /// the start), watching, waiting.
        case listing(token: String?)
        /// Follows the changes after `version`. Can transition to: watching (resumed), streaming or listing (if the version is
        /// too old), waiting.
        case watching(version: String)
        /// Waits. Can transition to: the state of the request in it.
        case waiting(then: Request)
    }

    enum Request: Hashable, Sendable {
        /// The first page (nil) or a later one. The first page drops what was gathered before.
        case list(token: String?, limit: Int)
        /// A watch that begins with all objects. It drops what was gathered before.
        case stream(timeout: Duration)
        case watch(version: String, timeout: Duration)
    }

    enum Action: Hashable, Sendable {
        case ask(Request)
        /// Wait, then call `waited`.
        case wait(Duration)
        /// The gathered objects are complete: replace the contents with them. Then ask.
        case replace(then: Request)
    }

    /// What to do with an event of the watch.
    enum EventAction: Hashable, Sendable {
        /// The event is one of the initial objects.
        case gather
        /// The event changes the contents.
        case apply
        /// The gathered objects are complete: replace the contents with them. The watch continues.
        case replace
        case ignore
        /// The watch is over: stop reading it.
        case stop(Action)
    }

    enum Event: Hashable, Sendable {
        case object(version: String)
        case bookmark(version: String, endsInitialEvents: Bool)
        case error(APIError)
    }

    struct Settings: Hashable, Sendable {
        var pageSize = KubernetesAPI.pageSize
        var streamsInitialEvents = true
        /// The server ends a watch after a random time between this and twice as long.
        var watchTimeout = Duration.seconds(300)
        /// A watch that ends sooner than this ended too soon.
        var shortWatch = Duration.seconds(5)
        var failing = Backoff(initial: .milliseconds(500), cap: .seconds(30))
        var endedTooSoon = Backoff(initial: .milliseconds(100), cap: .seconds(2))
    }

    private(set) var state = State.idle
    private let settings: Settings
    private var generator: Generator
    private var failures = 0
    private var shortWatches = 0
    /// The server refused a watch with initial events: do not ask for one again.
    private var streamingIsRefused = false
    /// Expired versions in a row, without an object or bookmark in between.
    private var expiries = 0

    init(_ settings: Settings = Settings(), generator: Generator) {
        self.settings = settings
        self.generator = generator
    }

    mutating func start() -> Action { ask(beginning()) }

    /// Starts from a list that is complete and gathered already.
    mutating func start(after version: String) -> Action {
        state = .watching(version: version)
        return .replace(then: watch(version))
    }

    mutating func waited() -> Action {
        guard case .waiting(let request) = state else { return start() }
        return ask(request)
    }

    mutating func received(pageOf version: String, continuing token: String?) -> Action {
        failures = 0
        if let token { return ask(.list(token: token, limit: settings.pageSize)) }
        // An empty version means "begin with the current state" to the server. No list ends with one.
        guard !version.isEmpty else {
            return failed(APIError(.malformed, message: "a list without a resourceVersion cannot be watched"))
        }
        return start(after: version)
    }

    /// Reports that the server could not be reached, or did not send what was requested.
    mutating func failed(_ error: APIError) -> Action {
        if case .streaming = state, isRefusal(error) {
            streamingIsRefused = true
            return ask(beginning())
        }
        if error.isExpired || isVersionUnknown(error) { return expired() }
        failures += 1
        let least: Duration = if case .transient(let after?) = error.retry { after } else { .zero }
        return wait(
            max(settings.failing.delay(afterFailures: failures, using: &generator), least), then: again())
    }

    mutating func received(_ event: Event) -> EventAction {
        switch (event, state) {
        case (.error(let error), _): return .stop(failed(error))
        case (.object, .streaming): return .gather
        case (.object(let version), .watching):
            progressed()
            if !version.isEmpty { state = .watching(version: version) }
            return .apply
        case (.bookmark(let version, true), .streaming):
            progressed()
            state = .watching(version: version)
            return .replace
        case (.bookmark(let version, _), .watching):
            progressed()
            if !version.isEmpty { state = .watching(version: version) }
            return .ignore
        default: return .ignore
        }
    }

    /// Reports that the server ended the watch without an error, after `lasted`.
    mutating func watchEnded(after lasted: Duration) -> Action {
        if lasted >= settings.shortWatch {
            shortWatches = 0
            failures = 0
            return ask(again())
        }
        shortWatches += 1
        return wait(settings.endedTooSoon.delay(afterFailures: shortWatches, using: &generator), then: again())
    }

    /// Whether the server refused a watch with initial events, so that a list may still work. Servers that do not support such
    /// watches answer 400 or 422; those whose etcd is too old for them answer 500.
    private func isRefusal(_ error: APIError) -> Bool {
        guard let code = error.statusCode else { return false }
        return ![401, 403, 404, 408, 410, 429, 503].contains(code)
    }

    /// The server has never seen that version: its data was restored from a backup, or it is another server.
    private func isVersionUnknown(_ error: APIError) -> Bool {
        guard case .watching = state else { return false }
        return error.statusCode == 400 || error.causes.contains { $0.reason == "ResourceVersionTooLarge" }
    }

    /// The version is too old: the server no longer knows all changes since then.
    private mutating func expired() -> Action {
        expiries += 1
        guard expiries > 1 else { return ask(beginning()) }
        return wait(settings.failing.delay(afterFailures: expiries - 1, using: &generator), then: beginning())
    }

    private mutating func progressed() {
        failures = 0
        expiries = 0
    }

    private mutating func beginning() -> Request {
        if settings.streamsInitialEvents, !streamingIsRefused { return .stream(timeout: watchTimeout()) }
        return .list(token: nil, limit: settings.pageSize)
    }

    /// The same request, resumed if possible.
    private mutating func again() -> Request {
        switch state {
        case .watching(let version): watch(version)
        case .listing(let token): .list(token: token, limit: settings.pageSize)
        case .waiting(let request): request
        case .idle, .streaming: beginning()
        }
    }

    private mutating func watch(_ version: String) -> Request { .watch(version: version, timeout: watchTimeout()) }

    private mutating func watchTimeout() -> Duration {
        settings.watchTimeout * Double.random(in: 1...2, using: &generator)
    }

    private mutating func wait(_ duration: Duration, then request: Request) -> Action {
        state = .waiting(then: request)
        return .wait(duration)
    }

    private mutating func ask(_ request: Request) -> Action {
        switch request {
        case .list(let token, _): state = .listing(token: token)
        case .stream: state = .streaming
        case .watch(let version, _): state = .watching(version: version)
        }
        return .ask(request)
    }
}

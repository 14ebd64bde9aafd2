import Transport

/// What to ask next, to know all objects of a type and to go on knowing them. Pure: its shell (`ObjectCache`) carries out
/// one action at a time, and reports what came of it.
///
/// # Guarantees
/// - After a contact was lost, no change is missed: either the watch resumes behind the last version that was seen, or
///   everything is listed anew.
/// - Never asks in a tight loop: what fails, or ends too soon, is asked again after a wait that grows to a cap.
///
/// # Assumptions
/// - Resource versions are opaque; only those that came from the server go back to it.
struct ListWatch<Generator: RandomNumberGenerator & Sendable>: Sendable {
    enum State: Hashable, Sendable {
        /// Nothing was asked yet. Can transition to: streaming, listing, watching (what somebody else listed).
        case idle
        /// A watch that begins with all objects is under way. Can transition to: watching, waiting, listing (where the
        /// server has no such watch).
        case streaming
        /// Pages of a list are being read; `token` says where the one that was asked for begins. Can transition to: listing
        /// (next page, or anew), watching, waiting.
        case listing(token: String?)
        /// Changes after `version` are being followed. Can transition to: watching (resumed), streaming or listing
        /// (the version is too old), waiting.
        case watching(version: String)
        /// Until the wait is over. Can transition to: the request in it.
        case waiting(then: Request)
    }

    enum Request: Hashable, Sendable {
        /// The first page (nil) or a later one. With the first, what was gathered before is dropped.
        case list(token: String?, limit: Int)
        /// A watch that begins with all objects: what was gathered before is dropped.
        case stream(timeout: Duration)
        case watch(version: String, timeout: Duration)
    }

    enum Action: Hashable, Sendable {
        case ask(Request)
        /// Then call `waited`.
        case wait(Duration)
        /// What was gathered is all that there is: it replaces the contents. Then ask.
        case replace(then: Request)
    }

    /// What to do with an event of the watch.
    enum EventAction: Hashable, Sendable {
        /// It belongs to the initial objects.
        case gather
        /// It changes the contents.
        case apply
        /// What was gathered is all that there is: it replaces the contents. The watch goes on.
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
        /// After which the server ends a watch: uniform between this and twice as long.
        var watchTimeout = Duration.seconds(300)
        /// A watch that ends sooner is one that ended too soon.
        var shortWatch = Duration.seconds(5)
        var failing = Backoff(initial: .milliseconds(500), cap: .seconds(30))
        var endedTooSoon = Backoff(initial: .milliseconds(100), cap: .seconds(2))
    }

    private(set) var state = State.idle
    private let settings: Settings
    private var generator: Generator
    private var failures = 0
    private var shortWatches = 0
    /// The server was asked for a watch with initial events, and refused: it is not asked again.
    private var streamingIsRefused = false
    /// In a row, without an object in between.
    private var expiries = 0

    init(_ settings: Settings = Settings(), generator: Generator) {
        self.settings = settings
        self.generator = generator
    }

    mutating func start() -> Action { ask(beginning()) }

    /// Everything was listed already, and gathered.
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
        // The server's word for "begin where you are" would skip nothing, but is none that a list ends with.
        guard !version.isEmpty else {
            return failed(APIError(.malformed, message: "a list without a resourceVersion cannot be watched"))
        }
        return start(after: version)
    }

    /// The server could not be asked, or did not answer what was asked for.
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

    /// The server ended the watch, without an error, after `lasted`.
    mutating func watchEnded(after lasted: Duration) -> Action {
        if lasted >= settings.shortWatch {
            shortWatches = 0
            failures = 0
            return ask(again())
        }
        shortWatches += 1
        return wait(settings.endedTooSoon.delay(afterFailures: shortWatches, using: &generator), then: again())
    }

    /// Of a watch with initial events, where a list may still be had. Servers that do not know such watches answer 400 or
    /// 422, those whose etcd is too old for them 500.
    private func isRefusal(_ error: APIError) -> Bool {
        guard let code = error.statusCode else { return false }
        return ![401, 403, 404, 408, 410, 429, 503].contains(code)
    }

    /// The server has never seen that version: its data came back from a backup, or it is another server.
    private func isVersionUnknown(_ error: APIError) -> Bool {
        guard case .watching = state else { return false }
        return error.statusCode == 400 || error.causes.contains { $0.reason == "ResourceVersionTooLarge" }
    }

    /// The version is too old: there may have been changes that nobody will tell any more.
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

    /// The same, or where it can be taken up.
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

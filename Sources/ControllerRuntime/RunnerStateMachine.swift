/// What a pass over one key wants next.
public enum Requeue: Hashable, Sendable {
    /// All is as it should be. The key comes back when it is added.
    case done
    /// All is well; look again after this.
    case after(Duration)
    /// It failed.
    case backoff(FailureClass)
}

public struct RunnerConfiguration: Hashable, Sendable {
    /// At most this many keys are worked on at once.
    public var concurrency: Int
    public var transientBackoff: Backoff
    public var waitingBackoff: Backoff
    /// How long workers may go on after `stop()` before they are cancelled.
    public var stopGracePeriod: Duration

    public init(
        concurrency: Int = 8,
        transientBackoff: Backoff = Backoff(initial: .milliseconds(500), cap: .seconds(60)),
        waitingBackoff: Backoff = Backoff(initial: .seconds(5), cap: .seconds(300)),
        stopGracePeriod: Duration = .seconds(10)
    ) {
        self.concurrency = max(concurrency, 1)
        self.transientBackoff = transientBackoff
        self.waitingBackoff = waitingBackoff
        self.stopGracePeriod = max(stopGracePeriod, .zero)
    }
}

/// Decides what a `Runner` does. Events and the time go in, one action comes out; it holds no task and no clock.
struct RunnerStateMachine<Key: Hashable & Sendable, Instant: InstantProtocol>: Sendable
where Instant.Duration == Duration {
    enum Action: Hashable, Sendable {
        /// Start a worker for this key, MUST be followed by `workerEnded` for it; then ask again at once.
        case start(Key)
        /// Ask again at this time, or as soon as anything happens; nil: only when something happens.
        case wait(until: Instant?)
        /// Cancel the workers that still run, wait for them, and return.
        case cancelWorkers
        /// Nothing runs: return.
        case finish
    }

    private enum Phase: Hashable, Sendable {
        /// Keys are collected. Can transition to: `running`, `stopping`.
        case idle
        /// Workers are started. Can transition to: `stopping`.
        case running
        /// No worker is started any more; those that run may go on until the deadline. Nil: until the stop has been
        /// seen at its first `nextAction`. Does not end.
        case stopping(deadline: Instant?)
    }

    private var configuration: RunnerConfiguration
    private var phase = Phase.idle
    private var queue = WorkQueue<Key, Instant>()
    private var failures = FailureCounts<Key>()

    init(configuration: RunnerConfiguration) { self.configuration = configuration }

    var snapshot: RunnerSnapshot {
        RunnerSnapshot(
            pending: queue.pendingCount, running: queue.runningCount, failing: failures.failingCount)
    }

    /// - Returns: false where it runs already. Once stopped, it starts only to finish.
    mutating func start(concurrency: Int? = nil) -> Bool {
        if let concurrency { configuration.concurrency = max(concurrency, 1) }
        switch phase {
        case .idle: phase = .running
        case .running: return false
        case .stopping: break
        }
        return true
    }

    mutating func stop() {
        if case .stopping = phase { return }
        phase = .stopping(deadline: nil)
    }

    mutating func add(_ key: Key, at dueAt: Instant) { queue.add(key, at: dueAt) }

    mutating func nextAction(now: Instant) -> Action {
        switch phase {
        case .idle:
            return .wait(until: nil)
        case .running:
            guard queue.runningCount < configuration.concurrency else { return .wait(until: nil) }
            if let key = queue.next(now: now) { return .start(key) }
            return .wait(until: queue.earliest)
        case .stopping(let deadline):
            guard queue.runningCount > 0 else { return .finish }
            let deadline = deadline ?? now.advanced(by: configuration.stopGracePeriod)
            phase = .stopping(deadline: deadline)
            return now < deadline ? .wait(until: deadline) : .cancelWorkers
        }
    }

    mutating func workerEnded(
        _ key: Key, _ requeue: Requeue, now: Instant, using generator: inout some RandomNumberGenerator
    ) {
        switch requeue {
        case .done, .backoff(.terminal):
            failures.succeeded(key)
        case .after(let delay):
            failures.succeeded(key)
            queue.add(key, at: now.advanced(by: max(delay, .zero)))
        case .backoff(.transient):
            back(off: key, by: configuration.transientBackoff, now: now, using: &generator)
        case .backoff(.waiting):
            back(off: key, by: configuration.waitingBackoff, now: now, using: &generator)
        }
        queue.done(key)
    }

    private mutating func back(
        off key: Key, by backoff: Backoff, now: Instant, using generator: inout some RandomNumberGenerator
    ) {
        let delay = backoff.delay(afterFailures: failures.failed(key), using: &generator)
        queue.add(key, at: now.advanced(by: delay))
    }
}

/// How much there is to do.
public struct RunnerSnapshot: Hashable, Sendable {
    /// Keys that wait for their time or for a worker.
    public var pending: Int
    public var running: Int
    /// Keys whose last pass failed.
    public var failing: Int
}

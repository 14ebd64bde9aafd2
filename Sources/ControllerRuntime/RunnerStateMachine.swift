import Transport

/// What a pass over one key wants next.
public enum Requeue: Hashable, Sendable {
    /// All is as it should be. The key comes back when it is added.
    case done
    /// All is well; look again after this. Until its next pass the key is of that class.
    case after(Duration, Urgency = .routine)
    /// It failed.
    case backoff(RetryClass)
}

public struct RunnerConfiguration: Hashable, Sendable {
    /// At most this many keys are worked on at once.
    public var concurrency: Int
    /// Workers that keys of class `routine` leave to the others. With one worker there is none to leave.
    public var reserved: Int
    /// How often one key may come back; keys of class `urgent` always may.
    public var pace: PaceLimits
    public var transientBackoff: Backoff
    public var waitingBackoff: Backoff
    /// How long workers may go on after `stop()` before they are cancelled.
    public var stopGracePeriod: Duration

    public init(
        concurrency: Int = 8, reserved: Int = 1, pace: PaceLimits = PaceLimits(),
        transientBackoff: Backoff = Backoff(initial: .milliseconds(500), cap: .seconds(60)),
        waitingBackoff: Backoff = Backoff(initial: .seconds(5), cap: .seconds(300)),
        stopGracePeriod: Duration = .seconds(10)
    ) {
        self.concurrency = max(concurrency, 1)
        self.reserved = max(reserved, 0)
        self.pace = pace
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
    /// Of keys that are not of class `routine`, as their last pass said.
    private var classes: [Key: Urgency] = [:]
    /// Of keys that came back of late.
    private var paces: [Key: Pace<Instant>] = [:]
    /// Of keys that are worked on and are not of class `routine`, as they began.
    private var running: [Key: Urgency] = [:]
    private var routineRunning: Set<Key> = []
    private var putOffCount = 0
    private static var smallestPacesToSweep: Int { 1024 }
    /// Paces that were left at the last sweep.
    private var sweptPaces = 0

    init(configuration: RunnerConfiguration) { self.configuration = configuration }

    var snapshot: RunnerSnapshot {
        RunnerSnapshot(
            pending: queue.pendingCount, running: queue.runningCount, failing: failures.failingCount,
            putOff: putOffCount)
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

    /// - Parameter urgency: at least; where its last pass said a more urgent one, that is the key's.
    mutating func add(_ key: Key, at dueAt: Instant, urgency: Urgency = .routine) {
        queue.add(key, at: dueAt, urgency: min(urgency, classes[key] ?? .routine))
    }

    mutating func nextAction(now: Instant) -> Action {
        switch phase {
        case .idle:
            return .wait(until: nil)
        case .running:
            guard queue.runningCount < configuration.concurrency else { return .wait(until: nil) }
            let last = lastClass
            // Ends: a key that is put off is not due any more.
            while let turn = queue.next(now: now, notLessUrgentThan: last) {
                if begins(turn, now: now) { return .start(turn.key) }
            }
            return .wait(until: queue.earliest(notLessUrgentThan: last))
        case .stopping(let deadline):
            guard queue.runningCount > 0 else { return .finish }
            let deadline = deadline ?? now.advanced(by: configuration.stopGracePeriod)
            phase = .stopping(deadline: deadline)
            return now < deadline ? .wait(until: deadline) : .cancelWorkers
        }
    }

    /// The least urgent class that may have a worker now.
    private var lastClass: Urgency {
        let shared = max(1, configuration.concurrency - configuration.reserved)
        return routineRunning.count < shared ? .routine : .changing
    }

    /// - Returns: false where the key comes back too often, and is put off.
    private mutating func begins(_ turn: WorkQueue<Key, Instant>.Turn, now: Instant) -> Bool {
        var pace = paces[turn.key] ?? Pace(now: now)
        if turn.urgency != .urgent, let later = pace.putOff(now: now, limits: configuration.pace) {
            putOffCount += 1
            paces[turn.key] = pace
            queue.add(turn.key, at: later, urgency: turn.urgency)
            queue.done(turn.key)
            return false
        }
        pace.starts(wantedAt: turn.dueAt, now: now, limits: configuration.pace)
        paces[turn.key] = pace
        forgetPacesAtRest(now)
        if turn.urgency == .routine { routineRunning.insert(turn.key) } else { running[turn.key] = turn.urgency }
        return true
    }

    private mutating func forgetPacesAtRest(_ now: Instant) {
        guard paces.count > Self.smallestPacesToSweep, paces.count > 2 * sweptPaces else { return }
        paces = paces.filter { !$0.value.isAtRest(at: now) }
        sweptPaces = paces.count
    }

    mutating func workerEnded(
        _ key: Key, _ requeue: Requeue, now: Instant, using generator: inout some RandomNumberGenerator
    ) {
        routineRunning.remove(key)
        let began = running.removeValue(forKey: key) ?? .routine
        switch requeue {
        case .done, .backoff(.terminal):
            failures.succeeded(key)
            classes[key] = nil
        case .after(let delay, let urgency):
            failures.succeeded(key)
            classes[key] = urgency == .routine ? nil : urgency
            queue.add(key, at: now.advanced(by: max(delay, .zero)), urgency: urgency)
        case .backoff(.transient):
            back(off: key, began, by: configuration.transientBackoff, now: now, using: &generator)
        case .backoff(.waiting):
            back(off: key, began, by: configuration.waitingBackoff, now: now, using: &generator)
        }
        queue.done(key)
    }

    /// What failed has yet to be done: it is as urgent as it was.
    private mutating func back(
        off key: Key, _ began: Urgency, by backoff: Backoff, now: Instant,
        using generator: inout some RandomNumberGenerator
    ) {
        let delay = backoff.delay(afterFailures: failures.failed(key), using: &generator)
        queue.add(key, at: now.advanced(by: delay), urgency: min(began, classes[key] ?? .routine))
    }
}

/// How much there is to do.
public struct RunnerSnapshot: Hashable, Sendable {
    /// Keys that wait for their time or for a worker.
    public var pending: Int
    public var running: Int
    /// Keys whose last pass failed.
    public var failing: Int
    /// How often a key came back too soon and had to wait, since the start.
    public var putOff: Int
}

/// Failures in a row, for each key that fails now. Keys that are well take no memory.
struct FailureCounts<Key: Hashable & Sendable>: Sendable {
    private var counts: [Key: Int] = [:]

    var failingCount: Int { counts.count }

    /// - Returns: failures of the key in a row, this one included.
    mutating func failed(_ key: Key) -> Int {
        counts[key, default: 0] += 1
        return counts[key, default: 1]
    }

    mutating func succeeded(_ key: Key) { counts[key] = nil }
}

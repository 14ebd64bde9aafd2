import Transport

/// When a pass wants its key to run again.
package enum Requeue: Hashable, Sendable {
    /// Nothing more to do. The key runs again when it is added.
    case done
    /// The pass succeeded. Run again after this delay; until then the key has this class.
    case after(Duration, Urgency = .routine)
    /// The pass failed.
    case backoff(RetryClass)
}

package struct RunnerConfiguration: Hashable, Sendable {
    /// The most keys that are worked on at once.
    package var concurrency: Int
    /// Workers that are kept free of keys of class `routine`. With one worker, none is kept free.
    package var reserved: Int
    /// How often one key may run. Keys of class `urgent` are never delayed.
    package var pace: PaceLimits
    package var transientBackoff: Backoff
    package var waitingBackoff: Backoff
    /// How long workers may continue after `stop()` before they are cancelled.
    package var stopGracePeriod: Duration

    package init(
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

/// Decides what a `Runner` does. Events and the time go in, one action comes out. It holds no task and no clock.
struct RunnerStateMachine<Key: Hashable & Sendable, Instant: InstantProtocol>: Sendable
where Instant.Duration == Duration {
    enum Action: Hashable, Sendable {
        /// Start a worker for this key. It MUST be followed by `workerEnded` for the key. Then ask for the next action
        /// at once.
        case start(Key)
        /// Ask again at this time, or as soon as anything happens. Nil: ask again only when something happens.
        case wait(until: Instant?)
        /// Cancel the workers that still run, wait for them, and return.
        case cancelWorkers
        /// No worker runs: return.
        case finish
    }

    private enum Phase: Hashable, Sendable {
        /// Keys are collected. Can transition to: `running`, `stopping`.
        case idle
        /// Workers are started. Can transition to: `stopping`.
        case running
        /// No more workers are started. Running workers may continue until the deadline, which the first `nextAction`
        /// after the stop sets; until then it is nil. Final state.
        case stopping(deadline: Instant?)
    }

    private var configuration: RunnerConfiguration
    private var phase = Phase.idle
    private var queue = WorkQueue<Key, Instant>()
    private var failures = FailureCounts<Key>()
    /// The class that each key's last pass asked for. Keys of class `routine` are left out.
    private var classes: [Key: Urgency] = [:]
    /// The pace of keys that came back recently.
    private var paces: [Key: Pace<Instant>] = [:]
    /// The class at the start, for keys that are being worked on. Keys of class `routine` are in `routineRunning`.
    private var running: [Key: Urgency] = [:]
    private var routineRunning: Set<Key> = []
    private var putOffCount = 0
    private static var smallestPacesToSweep: Int { 1024 }
    /// The number of paces that remained after the last sweep.
    private var sweptPaces = 0

    init(configuration: RunnerConfiguration) { self.configuration = configuration }

    var snapshot: RunnerSnapshot {
        RunnerSnapshot(
            pending: queue.pendingCount, running: queue.runningCount, failing: failures.failingCount,
            putOff: putOffCount)
    }

    /// After `stop()` it starts only to finish.
    ///
    /// - Returns: false if it is already running.
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

    /// - Parameter urgency: the least urgent class that the key may have. If its last pass asked for a more urgent
    ///   class, that one applies.
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
            // The loop ends, because a delayed key is no longer due.
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

    /// The least urgent class that may get a worker now.
    private var lastClass: Urgency {
        let shared = max(1, configuration.concurrency - configuration.reserved)
        return routineRunning.count < shared ? .routine : .changing
    }

    /// - Returns: false if the key comes back too often and is delayed.
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

    /// The work of a failed pass is still to be done, so the key stays as urgent as it was.
    private mutating func back(
        off key: Key, _ began: Urgency, by backoff: Backoff, now: Instant,
        using generator: inout some RandomNumberGenerator
    ) {
        let delay = backoff.delay(afterFailures: failures.failed(key), using: &generator)
        queue.add(key, at: now.advanced(by: delay), urgency: min(began, classes[key] ?? .routine))
    }
}

/// The amount of pending and running work.
package struct RunnerSnapshot: Hashable, Sendable {
    /// Keys that wait for their time or for a worker.
    package var pending: Int
    package var running: Int
    /// Keys whose last pass failed.
    package var failing: Int
    /// How many times since the start a key came back too soon and was delayed.
    package var putOff: Int
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

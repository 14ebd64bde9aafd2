import Logging
import Synchronization

/// Runs `reconcile` for keys as they become due: at most `concurrency` at once, and at most one worker for each key.
///
/// The shell of `RunnerStateMachine`: it owns the tasks, the clock and the random number generator, and decides
/// nothing.
///
/// # Guarantees
/// - Every worker is a child task of `run`. When `run` returns, no worker runs.
/// - `add` never waits. Any thread or worker may call it, before `run` and during it.
///
/// # Assumptions
/// - `reconcile` returns when its task is cancelled. After `stop()` workers may continue for `stopGracePeriod`. Then
///   they are cancelled, and `run` waits for them to return.
package final class Runner<Key: Hashable & Sendable, C: Clock>: Sendable where C.Duration == Duration {
    private struct State {
        var machine: RunnerStateMachine<Key, C.Instant>
        var generator: any RandomNumberGenerator & Sendable
    }

    private let clock: C
    private let logger: Logger
    private let state: Mutex<State>
    private let signal = WakeSignal()

    package init(
        clock: C = ContinuousClock(), configuration: RunnerConfiguration = RunnerConfiguration(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        logger: Logger = Logger(label: "mlctl.runner")
    ) {
        self.clock = clock
        self.logger = logger
        state = Mutex(State(machine: RunnerStateMachine(configuration: configuration), generator: generator))
    }

    package var snapshot: RunnerSnapshot { state.withLock { $0.machine.snapshot } }

    /// Makes `key` due after `delay`, or earlier if it already is. If a worker is running for it, it runs again
    /// afterwards.
    ///
    /// - Parameter urgency: the least urgent class that the key may have. If its last pass asked for a more urgent
    ///   class, that one applies.
    package func add(_ key: Key, after delay: Duration = .zero, urgency: Urgency = .routine) {
        let dueAt = clock.now.advanced(by: max(delay, .zero))
        state.withLock { $0.machine.add(key, at: dueAt, urgency: urgency) }
        signal.raise()
    }

    /// Starts no more workers. `run` returns when the running workers end, or after the grace period, when they are
    /// cancelled.
    package func stop() {
        state.withLock { $0.machine.stop() }
        signal.raise()
    }

    /// Returns after `stop()`. When its task is cancelled, the workers are cancelled at once. Call it only once.
    ///
    /// - Parameter concurrency: overrides the configuration's value.
    package func run(concurrency: Int? = nil, reconcile: @escaping @Sendable (Key) async -> Requeue) async {
        let starts = state.withLock { $0.machine.start(concurrency: concurrency) }
        precondition(starts, "run() was called twice")
        await withDiscardingTaskGroup { workers in
            while true {
                switch nextAction() {
                case .start(let key):
                    workers.addTask {
                        let requeue = await reconcile(key)
                        self.workerEnded(key, requeue)
                    }
                case .wait(let deadline):
                    await pause(until: deadline)
                case .cancelWorkers:
                    logger.warning(
                        "Workers did not end within the grace period and are cancelled",
                        metadata: ["running": "\(snapshot.running)"])
                    workers.cancelAll()
                    return
                case .finish:
                    return
                }
            }
        }
    }

    private func nextAction() -> RunnerStateMachine<Key, C.Instant>.Action {
        let (now, cancelled) = (clock.now, Task.isCancelled)
        return state.withLock {
            if cancelled {
                // The workers are cancelled with their parent task. The group waits for them to return.
                $0.machine.stop()
                return .finish
            }
            return $0.machine.nextAction(now: now)
        }
    }

    private func workerEnded(_ key: Key, _ requeue: Requeue) {
        let now = clock.now
        state.withLock { state in
            state.machine.workerEnded(key, requeue, now: now, using: &state.generator)
        }
        signal.raise()
    }

    /// Waits until the deadline, the signal or cancellation, whichever comes first.
    private func pause(until deadline: C.Instant?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.signal.wait() }
            if let deadline {
                // The sleep throws only when it is cancelled, which happens when the signal comes first.
                group.addTask { try? await self.clock.sleep(until: deadline, tolerance: nil) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}

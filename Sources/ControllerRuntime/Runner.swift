import Logging
import Synchronization

/// Works on keys as they fall due: at most `concurrency` at once, each by at most one worker.
///
/// The shell of `RunnerStateMachine`: it owns the tasks, the clock and the generator, and decides nothing.
///
/// # Guarantees
/// - Every worker is a child task of `run`: when `run` returns, nothing runs any more.
/// - `add` never waits and may be called from anywhere, a worker included, before `run` and during it.
///
/// # Assumptions
/// - `reconcile` returns when its task is cancelled. After `stop()` workers may go on for `stopGracePeriod`; they are
///   then cancelled, and `run` waits for them to return.
public final class Runner<Key: Hashable & Sendable, C: Clock>: Sendable where C.Duration == Duration {
    private struct State {
        var machine: RunnerStateMachine<Key, C.Instant>
        var generator: any RandomNumberGenerator & Sendable
    }

    private let clock: C
    private let logger: Logger
    private let state: Mutex<State>
    private let signal = WakeSignal()

    public init(
        clock: C = ContinuousClock(), configuration: RunnerConfiguration = RunnerConfiguration(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        logger: Logger = Logger(label: "mlctl.runner")
    ) {
        self.clock = clock
        self.logger = logger
        state = Mutex(State(machine: RunnerStateMachine(configuration: configuration), generator: generator))
    }

    public var snapshot: RunnerSnapshot { state.withLock { $0.machine.snapshot } }

    /// Makes `key` due after `delay`, or earlier where it already is. If a worker has it now, it runs again afterwards.
    ///
    /// - Parameter urgency: at least; where its last pass said a more urgent one, that is the key's.
    public func add(_ key: Key, after delay: Duration = .zero, urgency: Urgency = .routine) {
        let dueAt = clock.now.advanced(by: max(delay, .zero))
        state.withLock { $0.machine.add(key, at: dueAt, urgency: urgency) }
        signal.raise()
    }

    /// Starts no more workers: `run` returns when those that run are done, or were cancelled after the grace period.
    public func stop() {
        state.withLock { $0.machine.stop() }
        signal.raise()
    }

    /// Returns after `stop()`. When its task is cancelled, the workers are cancelled at once. A runner runs once.
    ///
    /// - Parameter concurrency: where given, instead of the configuration's.
    public func run(concurrency: Int? = nil, reconcile: @escaping @Sendable (Key) async -> Requeue) async {
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
                        "Workers did not end in time: cancelling them",
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
                // The workers are cancelled with their parent: all that is left is to wait for them.
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

    /// Until the deadline, or the signal, or the cancellation: whichever comes first.
    private func pause(until deadline: C.Instant?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.signal.wait() }
            if let deadline {
                // Fails only when it is cancelled, which is what ends it when the signal comes first.
                group.addTask { try? await self.clock.sleep(until: deadline, tolerance: nil) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}

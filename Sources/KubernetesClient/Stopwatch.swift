import NIOCore
import NIOPosix

/// A clock for shells: the time since a start, and waiting. Tests pass a clock that they move.
public struct Stopwatch: Sendable {
    /// The time since this value was made.
    public let elapsed: @Sendable () -> Duration
    public let sleep: @Sendable (Duration) async throws -> Void

    /// The machine's clock. Each read of a watch and each request has a time limit. A cancelled event-loop timer is freed at
    /// once; `Task.sleep` would keep task and timer until the limit.
    public init() {
        let start = ContinuousClock.now
        elapsed = { ContinuousClock.now - start }
        sleep = { duration in
            let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(duration)) {}
            do {
                try await withTaskCancellationHandler {
                    try await timer.futureResult.get()
                } onCancel: {
                    timer.cancel()
                }
            } catch EventLoopError.cancelled {
                throw CancellationError()
            }
        }
    }

    public init<C: Clock>(_ clock: C) where C.Duration == Duration {
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
        sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
    }
}

struct TimedOut: Error {}

extension Stopwatch {
    /// Runs `work` and cancels it after `limit`.
    /// - Throws: `TimedOut`, what `work` throws, or the `CancellationError` of the caller's task.
    func within<Value: Sendable>(
        _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await work() }
            group.addTask { [sleep] in
                try await sleep(limit)
                throw TimedOut()
            }
            guard let value = try await group.next() else { throw TimedOut() }
            return value
        }
    }
}

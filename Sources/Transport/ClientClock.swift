import NIOCore
import NIOPosix
import Synchronization

/// What shells take from a clock: the time since a start, waiting, and time limits. Tests hand in a clock that they move.
package struct ClientClock: Sendable {
    /// Since this value was made.
    package let elapsed: @Sendable () -> Duration
    package let sleep: @Sendable (Duration) async throws -> Void
    /// Calls of this stopwatch whose time is over and that have not ended.
    let leftBehind: LeftBehind

    /// The machine's own. Each read of a watch and each request has a time limit: event loops forget one that is not needed
    /// any more at once, where `Task.sleep` would keep it, task and timer, until it is over.
    package init(leftBehindMax: Int = LeftBehind.standardMax) {
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
        leftBehind = LeftBehind(max: leftBehindMax)
    }

    package init<C: Clock>(_ clock: C, leftBehindMax: Int = LeftBehind.standardMax) where C.Duration == Duration {
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
        sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
        leftBehind = LeftBehind(max: leftBehindMax)
    }
}

/// An operation took longer than it may.
package struct DeadlineExceeded: Error, Hashable {
    package var limit: Duration

    package init(limit: Duration) { self.limit = limit }
}

extension ClientClock {
    /// Runs `work`, and cancels it after `limit` or when the caller is cancelled. The caller goes on at that time, whatever the
    /// work does: work that does not heed its cancellation is left behind. It is counted until it ends, and while too many of
    /// this stopwatch's calls are left behind, no other begins.
    ///
    /// - Parameters:
    ///   - grace: the caller waits so much longer for work that is being ended. What ends after `limit` is too late all the
    ///     same.
    ///   - executor: where the work runs; for work that blocks its thread.
    /// - Throws: `DeadlineExceeded`, `LeftBehind.TooMany`, what `work` throws, or the `CancellationError` of the caller's task.
    package func within<Value: Sendable>(
        _ limit: Duration, grace: Duration = .zero, on executor: (any TaskExecutor)? = nil,
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try leftBehind.checkRoom()
        let call = BoundedCall<Value>(leftBehind)
        // Not structured, for a parent waits for its children: owned by `call`, which counts it where it is left behind.
        let task = Task(executorPreference: executor) {
            do { call.end(.success(try await work())) } catch { call.end(.failure(error)) }
        }
        let timer = Task { [sleep] in
            guard (try? await sleep(limit)) != nil else { return }  // Cancelled: the work has ended in time.
            call.expire(DeadlineExceeded(limit: limit))
            task.cancel()
            if grace > .zero { try? await sleep(grace) }
            call.leave(DeadlineExceeded(limit: limit))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await call.result.value()
        } onCancel: {
            task.cancel()
            guard grace > .zero else { return call.leave(CancellationError()) }
            Task { [sleep] in
                try? await sleep(grace)
                call.leave(CancellationError())
            }
        }
    }
}

/// Work whose callers have gone on without it.
package final class LeftBehind: Sendable {
    package static let standardMax = 256

    /// So much work has not ended in time and goes on that no more is begun.
    package struct TooMany: RetryableError, Hashable, CustomStringConvertible {
        var count: Int

        package var retryClass: RetryClass { .transient }
        package var message: String {
            "\(count) calls before this one have not ended though their time is over; try again later"
        }
        package var description: String { message }
    }

    private let max: Int
    private let going = Mutex(0)

    init(max: Int) { self.max = max }

    var count: Int { going.withLock { $0 } }

    func checkRoom() throws(TooMany) {
        let count = count
        guard count < max else { throw TooMany(count: count) }
    }

    fileprivate func add(_ number: Int) { going.withLock { $0 += number } }
}

/// One call with a time limit: its result, and whether its caller has left it.
private final class BoundedCall<Value: Sendable>: Sendable {
    let result = FirstResult<Value>()
    private let lateness = Mutex<DeadlineExceeded?>(nil)
    private let leftBehind: LeftBehind

    init(_ leftBehind: LeftBehind) { self.leftBehind = leftBehind }

    func expire(_ error: DeadlineExceeded) { lateness.withLock { $0 = error } }

    func end(_ outcome: Result<Value, any Error>) {
        let late = lateness.withLock { $0 }
        if !result.bring(late.map { .failure($0) } ?? outcome) { leftBehind.add(-1) }
    }

    func leave(_ error: any Error) {
        // Before the caller goes on: it may look.
        leftBehind.add(1)
        if !result.bring(.failure(error)) { leftBehind.add(-1) }
    }
}

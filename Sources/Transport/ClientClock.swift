import NIOCore
import NIOPosix
import Synchronization

/// Elapsed time, sleeping and time limits for code that talks to the outside. Tests pass a clock that they advance by hand.
package struct ClientClock: Sendable {
    /// The time since this value was created.
    package let elapsed: @Sendable () -> Duration
    package let sleep: @Sendable (Duration) async throws -> Void
    /// Calls through this clock whose time limit has passed and that have not ended.
    let leftBehind: LeftBehind

    /// The clock of the machine. Every read of a watch and every request has a time limit. An event loop drops a timer at once
    /// when it is cancelled, whereas `Task.sleep` keeps its task and timer until the time is over.
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

/// An operation exceeded its time limit.
package struct DeadlineExceeded: Error, Hashable {
    package var limit: Duration

    package init(limit: Duration) { self.limit = limit }
}

extension ClientClock {
    /// Runs `work`, and cancels it after `limit` or when the caller is cancelled. The caller continues at that time, whatever the
    /// work does. Work that ignores its cancellation is left behind and counted until it ends. While too many calls of this
    /// clock are left behind, no other call begins.
    ///
    /// - Parameters:
    ///   - grace: how much longer the caller waits for cancelled work to end. A result after `limit` is still too late.
    ///   - executor: where the work runs, for work that blocks its thread.
    /// - Throws: `DeadlineExceeded`, `LeftBehind.TooMany`, what `work` throws, or the `CancellationError` of the caller's task.
    package func within<Value: Sendable>(
        _ limit: Duration, grace: Duration = .zero, on executor: (any TaskExecutor)? = nil,
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try leftBehind.checkRoom()
        let call = BoundedCall<Value>(leftBehind)
        // Not structured, because a parent task waits for its children. `call` owns it, and counts it if it is left behind.
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

/// Counts the work that its callers no longer wait for.
package final class LeftBehind: Sendable {
    package static let standardMax = 256

    /// Too many calls have outlived their time limits, so no other call begins.
    package struct TooMany: RetryableError, Hashable, CustomStringConvertible {
        var count: Int

        package var retryClass: RetryClass { .transient }
        package var message: String {
            "\(count) earlier calls have exceeded their time limits and still run; try again later"
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

/// One call with a time limit: its result, and whether its caller still waits.
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
        // Before the caller continues, because it may read the count.
        leftBehind.add(1)
        if !result.bring(.failure(error)) { leftBehind.add(-1) }
    }
}

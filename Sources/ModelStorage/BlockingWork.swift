import Dispatch
import Foundation
import Synchronization
import Transport

/// Runs blocking work (copying, hashing, libcurl) on its own thread, so that the few threads of the Swift concurrency pool stay
/// free.
enum BlockingWork {
    static let stackBytes = 1 << 20
    /// How long to wait for cancelled work to end. Work that takes longer hangs in the kernel, for example on a file server that
    /// does not answer.
    static let patience = Duration.seconds(2)

    /// When the calling task is cancelled, the work is told to stop, and the call waits up to `patience` for it. After that the
    /// call throws `CancellationError`, the thread is left to itself, and its result is dropped.
    static func run<Value: Sendable>(
        patience: Duration = patience, _ body: @escaping @Sendable (Cancellation) throws -> Value
    ) async throws -> Value {
        let cancellation = Cancellation()
        let first = FirstResult<Value>()
        let thread = Thread { first.bring(Result { try body(cancellation) }) }
        thread.stackSize = stackBytes
        thread.start()
        return try await withTaskCancellationHandler {
            try await first.value()
        } onCancel: {
            cancellation.cancel()
            DispatchQueue.global().asyncAfter(deadline: .now() + patience / .seconds(1)) {
                first.bring(.failure(CancellationError()))
            }
        }
    }
}

/// Tells blocking work to stop.
final class Cancellation: Sendable {
    private struct State {
        var isCancelled = false
        var wake: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// - Throws: `CancellationError` once cancelled.
    func check() throws {
        if isCancelled { throw CancellationError() }
    }

    func cancel() {
        state.withLock {
            $0.isCancelled = true
            $0.wake?()
        }
    }

    /// A cancellation calls `wake` while `body` runs, and at once if it came before. `wake` never runs after `body` has ended:
    /// both are under one lock.
    func withWakeup<Value>(_ wake: @escaping @Sendable () -> Void, during body: () throws -> Value) rethrows -> Value {
        state.withLock {
            $0.wake = wake
            if $0.isCancelled { wake() }
        }
        defer { state.withLock { $0.wake = nil } }
        return try body()
    }
}

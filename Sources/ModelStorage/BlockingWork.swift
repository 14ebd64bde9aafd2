import Foundation
import Synchronization

/// Runs what blocks (copying, hashing, libcurl) on a thread of its own: the few threads of the concurrency pool stay
/// free.
enum BlockingWork {
    static let stackBytes = 1 << 20

    /// Waits for the work also when the task is cancelled; the work is told, and must end soon.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable (Cancellation) throws -> Value
    ) async throws -> Value {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let thread = Thread { continuation.resume(with: Result { try body(cancellation) }) }
                thread.stackSize = stackBytes
                thread.start()
            }
        } onCancel: {
            cancellation.cancel()
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

    /// While `body` runs, a cancellation calls `wake`, at once where it came before. `wake` never runs after the end of
    /// `body`: both are under one lock.
    func waking<Value>(_ wake: @escaping @Sendable () -> Void, during body: () throws -> Value) rethrows -> Value {
        state.withLock {
            $0.wake = wake
            if $0.isCancelled { wake() }
        }
        defer { state.withLock { $0.wake = nil } }
        return try body()
    }
}

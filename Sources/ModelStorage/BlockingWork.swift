import Dispatch
import Foundation
import Synchronization
import Transport

/// Runs what blocks (copying, hashing, libcurl) on a thread of its own: the few threads of the concurrency pool stay
/// free.
enum BlockingWork {
    static let stackBytes = 1 << 20
    /// Work that has not ended so long after it was cancelled hangs in the kernel, on a file server that is away, say.
    static let patience = Duration.seconds(2)

    /// Cancelled, the work is told, and is waited for while it may be ending. Work that hangs is left to itself: whoever
    /// asked for it goes on, and what it gives is dropped.
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

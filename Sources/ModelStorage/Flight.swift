import Foundation
import Synchronization

/// Work under way that several callers wait for ("single flight"). It is cancelled when the last caller has left.
final class Flight<Value: Sendable>: Sendable {
    private struct State {
        var waiters = 0
        var isAbandoned = false
        var task: Task<Void, Never>?
        var outcome: Result<Value, any Error>?
        var waiting: [UUID: CheckedContinuation<Value, any Error>] = [:]
        /// Callers that were cancelled before they began to wait.
        var gone: Set<UUID> = []
        var listeners: [UUID: @Sendable (TransferProgress) -> Void] = [:]
    }

    private let state = Mutex(State())

    /// - Parameter after: earlier work that must end first, successfully or not.
    init(after previous: Flight?, _ work: @escaping @Sendable (Flight) async throws -> Value) {
        // An unstructured task: all callers share it and none of them owns it. Each caller gets its result or error.
        let task = Task {
            if let previous { await previous.end() }
            do { land(.success(try await work(self))) } catch { land(.failure(error)) }
        }
        state.withLock { $0.task = task }
    }

    /// - Returns: false if the work is being cancelled already.
    func join() -> Bool {
        state.withLock { state in
            if !state.isAbandoned { state.waiters += 1 }
            return !state.isAbandoned
        }
    }

    /// Call `join` first. Waits for the result. A cancelled caller leaves at once; the others keep waiting.
    func value(progress: (@Sendable (TransferProgress) -> Void)?) async throws -> Value {
        let id = UUID()
        state.withLock { $0.listeners[id] = progress }
        defer { state.withLock { $0.listeners[id] = nil } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let now: Result<Value, any Error>? = state.withLock { state in
                    if state.gone.remove(id) != nil { return .failure(CancellationError()) }
                    if state.outcome == nil { state.waiting[id] = continuation }
                    return state.outcome
                }
                if let now { continuation.resume(with: now) }
            }
        } onCancel: {
            leave(id)
        }
    }

    func report(_ progress: TransferProgress) {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener(progress) }
    }

    private func land(_ outcome: Result<Value, any Error>) {
        let waiting = state.withLock { state in
            state.outcome = outcome
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume(with: outcome) }
    }

    private func leave(_ id: UUID) {
        let (continuation, abandoned) = state.withLock { state in
            let continuation = state.waiting.removeValue(forKey: id)
            if continuation == nil, state.outcome == nil { state.gone.insert(id) }
            state.waiters -= 1
            state.isAbandoned = state.waiters == 0
            return (continuation, state.isAbandoned ? state.task : nil)
        }
        abandoned?.cancel()
        continuation?.resume(throwing: CancellationError())
    }

    private func end() async { await state.withLock { $0.task }?.value }
}

import Foundation
import Synchronization

/// Work under way that several callers wait for ("single flight"). It is cancelled when the last caller has left.
package final class SingleFlight<Value: Sendable, Progress: Sendable>: Sendable {
    private struct State {
        var waiters = 0
        var isAbandoned = false
        var task: Task<Void, Never>?
        var outcome: Result<Value, any Error>?
        var waiting: [UUID: FirstResult<Value>] = [:]
        var listeners: [UUID: @Sendable (Progress) -> Void] = [:]
    }

    private let state = Mutex(State())

    /// - Parameter after: earlier work that must end first, successfully or not.
    package init(after previous: SingleFlight? = nil, _ work: @escaping @Sendable (SingleFlight) async throws -> Value)
    {
        // An unstructured task: all callers share it and none of them owns it. Each caller gets its result or error.
        let task = Task {
            if let previous { await previous.end() }
            do { land(.success(try await work(self))) } catch { land(.failure(error)) }
        }
        state.withLock { $0.task = task }
    }

    /// - Returns: false if the work is being cancelled already.
    package func join() -> Bool {
        state.withLock { state in
            if !state.isAbandoned { state.waiters += 1 }
            return !state.isAbandoned
        }
    }

    /// Call `join` first. Waits for the result. A cancelled caller leaves at once; the others keep waiting.
    package func value(progress: (@Sendable (Progress) -> Void)? = nil) async throws -> Value {
        let id = UUID()
        let first = FirstResult<Value>()
        let outcome = state.withLock { state in
            if state.outcome == nil {
                state.waiting[id] = first
                state.listeners[id] = progress
            }
            return state.outcome
        }
        if let outcome { return try outcome.get() }
        defer { state.withLock { $0.listeners[id] = nil } }
        return try await withTaskCancellationHandler {
            try await first.value()
        } onCancel: {
            leave(id)
        }
    }

    package func report(_ progress: Progress) {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener(progress) }
    }

    private func land(_ outcome: Result<Value, any Error>) {
        let waiting = state.withLock { state in
            state.outcome = outcome
            defer { state.waiting = [:] }
            return state.waiting
        }
        for first in waiting.values { first.bring(outcome) }
    }

    private func leave(_ id: UUID) {
        let (first, abandoned) = state.withLock { state in
            let first = state.waiting.removeValue(forKey: id)
            state.waiters -= 1
            state.isAbandoned = state.waiters == 0
            return (first, state.isAbandoned ? state.task : nil)
        }
        abandoned?.cancel()
        first?.bring(.failure(CancellationError()))
    }

    private func end() async { await state.withLock { $0.task }?.value }
}

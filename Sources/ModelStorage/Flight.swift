import Foundation
import Synchronization

/// Work under way that several callers wait for. It is cancelled when the last of them has gone.
final class Flight<Value: Sendable>: Sendable {
    private struct State {
        var waiters = 0
        var isAbandoned = false
        var task: Task<Value, any Error>?
        var listeners: [UUID: @Sendable (TransferProgress) -> Void] = [:]
    }

    private let state = Mutex(State())

    /// - Parameter after: work that has to end first, however it ends.
    init(after previous: Flight?, _ work: @escaping @Sendable (Flight) async throws -> Value) {
        let task = Task {
            if let previous { await previous.end() }
            return try await work(self)
        }
        state.withLock { $0.task = task }
    }

    /// - Returns: false where it is being cancelled already.
    func join() -> Bool {
        state.withLock { state in
            if !state.isAbandoned { state.waiters += 1 }
            return !state.isAbandoned
        }
    }

    /// Waits for the end, after `join`. A cancelled caller that is not the last one waits with the others.
    func value(progress: (@Sendable (TransferProgress) -> Void)?) async throws -> Value {
        let id = UUID()
        let task = state.withLock { state in
            state.listeners[id] = progress
            return state.task
        }
        defer { state.withLock { $0.listeners[id] = nil } }
        guard let task else { throw CancellationError() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            leave()
        }
    }

    func report(_ progress: TransferProgress) {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener(progress) }
    }

    private func leave() {
        let abandoned = state.withLock { state in
            state.waiters -= 1
            state.isAbandoned = state.waiters == 0
            return state.isAbandoned ? state.task : nil
        }
        abandoned?.cancel()
    }

    private func end() async {
        guard let task = state.withLock({ $0.task }) else { return }
        _ = await task.result
    }
}

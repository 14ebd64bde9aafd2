import Synchronization

/// At most so many at once, of all and of each key. Others wait for their turn, first come first served as far as their key
/// has room.
package final class Turnstile: Sendable {
    package static let waitingMax = 10_000

    /// As many wait as may.
    package struct Crowded: Error, Hashable {}

    private struct Waiter {
        var ticket: Int
        var key: String
        var turn: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var inside: [String: Int] = [:]
        var total = 0
        var waiting: [Waiter] = []
        var tickets = 0
    }

    private let state = Mutex(State())
    private let atOnce: Int
    private let atOnceEach: Int
    private let waitingMax: Int

    package init(_ atOnce: Int, each: Int = .max, waitingMax: Int = waitingMax) {
        self.atOnce = max(atOnce, 1)
        atOnceEach = max(each, 1)
        self.waitingMax = waitingMax
    }

    /// - Throws: as `enter`.
    package func run<Value: Sendable>(_ work: @Sendable () async throws -> Value) async throws -> Value {
        try await enter()
        defer { leave() }
        return try await work()
    }

    /// To be followed by `leave`.
    /// - Throws: `CancellationError` for who is cancelled before its turn, `Crowded`.
    package func enter(_ key: String = "") async throws {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { turn in
                if let now = admit(Waiter(ticket: ticket, key: key, turn: turn)) { turn.resume(with: now) }
            }
        } onCancel: {
            let turn = state.withLock { state in
                state.waiting.firstIndex { $0.ticket == ticket }.map { state.waiting.remove(at: $0).turn }
            }
            turn?.resume(throwing: CancellationError())
        }
    }

    /// A turn is handed on, and not given back, where somebody waits.
    package func leave(_ key: String = "") {
        let next = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            let left = (state.inside[key] ?? 1) - 1
            state.inside[key] = left > 0 ? left : nil
            state.total -= 1
            var turns: [CheckedContinuation<Void, any Error>] = []
            while let index = state.waiting.firstIndex(where: { hasRoom(for: $0.key, state) }) {
                let waiter = state.waiting.remove(at: index)
                take(waiter.key, &state)
                turns.append(waiter.turn)
            }
            return turns
        }
        for turn in next { turn.resume() }
    }

    /// - Returns: nil where it has to wait.
    private func admit(_ waiter: Waiter) -> Result<Void, any Error>? {
        state.withLock { state in
            // Checked under the lock: who is cancelled after this is found among those who wait.
            if Task.isCancelled { return .failure(CancellationError()) }
            if hasRoom(for: waiter.key, state) {
                take(waiter.key, &state)
                return .success(())
            }
            guard state.waiting.count < waitingMax else { return .failure(Crowded()) }
            state.waiting.append(waiter)
            return nil
        }
    }

    private func hasRoom(for key: String, _ state: State) -> Bool {
        state.total < atOnce && state.inside[key, default: 0] < atOnceEach
    }

    private func take(_ key: String, _ state: inout State) {
        state.inside[key, default: 0] += 1
        state.total += 1
    }
}

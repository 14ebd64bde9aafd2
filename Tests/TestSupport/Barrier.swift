import Synchronization

/// Blocks its callers until it is opened, and ignores cancellation, as for example a hanging file server does.
package final class Barrier: Sendable {
    private struct State {
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// The number of callers that are blocked now.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    package func close() { state.withLock { $0.isClosed = true } }

    package func open() {
        let waiting = state.withLock { state in
            state.isClosed = false
            return taken(&state.waiting)
        }
        for continuation in waiting { continuation.resume() }
    }

    private func taken(_ waiting: inout [CheckedContinuation<Void, Never>]) -> [CheckedContinuation<Void, Never>] {
        defer { waiting = [] }
        return waiting
    }

    /// Returns at once while the barrier is open.
    package func pass() async {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if state.isClosed { state.waiting.append(continuation) }
                return state.isClosed
            }
            if !isClosed { continuation.resume() }
        }
    }
}

import Synchronization

/// Something that does not answer until it is told to, and takes no notice of cancellation: a file server that hangs, say.
package final class Barrier: Sendable {
    private struct State {
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Those who are held up now.
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

    /// Returns at once while it is open.
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

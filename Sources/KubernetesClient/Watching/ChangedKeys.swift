import Collections
import Synchronization

/// A queue of keys that have changed. Each key waits at most once, so a slow reader misses no key and blocks nobody.
///
/// Holds at most `maximum` distinct keys; when it is full, the oldest is dropped and counted. One reader.
final class ChangedKeys: Sendable {
    static let maximum = 100_000

    private struct State {
        var waiting: Set<NamespacedName> = []
        /// The same, in order of change.
        var order = Deque<NamespacedName>()
        var dropped = 0
        var isOver = false
        var reader: CheckedContinuation<Void, Never>?

        mutating func take() -> NamespacedName? {
            guard let key = order.popFirst() else { return nil }
            waiting.remove(key)
            return key
        }
    }

    private let state = Mutex(State())
    private let maximum: Int

    init(maximum: Int = ChangedKeys.maximum) { self.maximum = maximum }

    var droppedCount: Int { state.withLock { $0.dropped } }

    func add(_ keys: some Sequence<NamespacedName>) {
        let reader = state.withLock { state in
            for key in keys where !state.waiting.contains(key) {
                if state.waiting.count >= maximum {
                    _ = state.take()
                    state.dropped += 1
                }
                state.waiting.insert(key)
                state.order.append(key)
            }
            // If nothing waits, the reader keeps waiting.
            guard !state.waiting.isEmpty else { return CheckedContinuation<Void, Never>?.none }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    func end() {
        let reader = state.withLock { state in
            state.isOver = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    /// - Returns: nil when the queue has ended or the reader's task was cancelled.
    func next() async -> NamespacedName? {
        while !Task.isCancelled {
            let (key, isOver) = state.withLock { ($0.take(), $0.isOver) }
            if let key { return key }
            if isOver { return nil }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let resumeNow = state.withLock { state in
                        if state.isOver || !state.waiting.isEmpty || Task.isCancelled { return true }
                        state.reader = continuation
                        return false
                    }
                    if resumeNow { continuation.resume() }
                }
            } onCancel: {
                let reader = state.withLock { state in
                    defer { state.reader = nil }
                    return state.reader
                }
                reader?.resume()
            }
        }
        return nil
    }
}

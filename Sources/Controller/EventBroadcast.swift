import ControlPorts
import ModelManifests

/// Sends every new event to all listeners. A slow listener loses the oldest events; `mlctl events` shows all of them.
struct EventBroadcast {
    static let bufferLimit = 256

    private var listeners: [Int: AsyncStream<StoredEvent>.Continuation] = [:]
    private var nextListener = 0

    /// - Returns: the stream, and the listener's number for `remove` when the stream ends.
    mutating func add() -> (
        stream: AsyncStream<StoredEvent>, listener: Int, continuation: AsyncStream<StoredEvent>.Continuation
    ) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: StoredEvent.self, bufferingPolicy: .bufferingNewest(Self.bufferLimit))
        nextListener += 1
        listeners[nextListener] = continuation
        return (stream, nextListener, continuation)
    }

    mutating func remove(_ listener: Int) { listeners[listener] = nil }

    func send(_ event: StoredEvent) {
        for listener in listeners.values { listener.yield(event) }
    }

    mutating func finish() {
        for listener in listeners.values { listener.finish() }
        listeners = [:]
    }
}

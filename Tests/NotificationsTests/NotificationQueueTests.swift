import ControlPorts
import Logging
import Notifications
import Synchronization
import Testing

@Suite("A notification queue", .timeLimit(.minutes(10)))
struct NotificationQueueTests {
    /// Keeps the notices, and fails for given ids.
    private final class Channel: Notifier {
        let failing: Set<Int>
        let told = Mutex<[Int]>([])

        init(failing: Set<Int> = []) { self.failing = failing }

        func notify(_ notice: Notice) async throws {
            if failing.contains(notice.event.id) { throw NotificationError(.undelivered, "nobody is there") }
            told.withLock { $0.append(notice.event.id) }
        }
    }

    /// Keeps the event ids and reasons of the warnings.
    private struct Recorder: LogHandler {
        final class Entries: Sendable { let all = Mutex<[String]>([]) }

        let entries: Entries
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let values = event.metadata ?? [:]
            let id = values["event"].map { "\($0)" } ?? "?"
            let reason = values["reason"].map { ": \($0)" } ?? ""
            entries.all.withLock { $0.append("\(event.level) \(id)\(reason)") }
        }
    }

    private func queue(
        _ channel: Channel, capacity: Int = NotificationQueue.defaultCapacity
    ) -> (NotificationQueue, Recorder.Entries) {
        let entries = Recorder.Entries()
        let logger = Logger(label: "test") { _ in Recorder(entries: entries) }
        return (NotificationQueue(channel, capacity: capacity, logger: logger), entries)
    }

    @Test("sends the notices in order")
    func order() async {
        let channel = Channel()
        let (queue, log) = queue(channel)
        for id in 1...5 { queue.notify(.rolledBack(id: id)) }
        queue.finish()
        await queue.run()
        #expect(channel.told.withLock { $0 } == [1, 2, 3, 4, 5])
        #expect(log.all.withLock { $0 } == [])
    }

    @Test("when full, drops the oldest notice, with a warning for each")
    func bounded() async {
        let channel = Channel()
        let (queue, log) = queue(channel, capacity: 3)
        for id in 1...5 { queue.notify(.rolledBack(id: id)) }
        queue.finish()
        await queue.run()
        #expect(channel.told.withLock { $0 } == [3, 4, 5])
        #expect(log.all.withLock { $0 } == ["warning 1", "warning 2"])
    }

    @Test("continues after a notice that could not be delivered, and logs why")
    func failure() async {
        let channel = Channel(failing: [2])
        let (queue, log) = queue(channel)
        for id in 1...3 { queue.notify(.rolledBack(id: id)) }
        queue.finish()
        await queue.run()
        #expect(channel.told.withLock { $0 } == [1, 3])
        #expect(log.all.withLock { $0 } == ["warning 2: nobody is there"])
    }

    @Test("takes nothing after its end, with a warning")
    func finished() async {
        let channel = Channel()
        let (queue, log) = queue(channel)
        queue.finish()
        queue.notify(.rolledBack(id: 7))
        await queue.run()
        #expect(channel.told.withLock { $0 } == [])
        #expect(log.all.withLock { $0 } == ["warning 7"])
    }

    @Test("ends when its task is cancelled")
    func cancelled() async {
        let (queue, _) = queue(Channel())
        let task = Task { await queue.run() }
        task.cancel()
        await task.value
    }
}

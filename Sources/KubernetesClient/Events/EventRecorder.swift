import Foundation
import Logging
import Synchronization

/// Writes events in the background: `record` never waits and never fails.
///
/// # Caveats
/// - Events are for people. If the API server is away or slow for long, the oldest waiting events are dropped and counted.
package final class EventRecorder: Sendable {
    static let maximumWaiting = 16_384
    /// The pause between two writes: the requests that decide and serve go first.
    static let pace = Duration.milliseconds(20)
    static let writeTimeout = Duration.seconds(5)
    static let attempts = 5
    static let lookForDueSeriesEvery = Duration.seconds(30)

    private struct State {
        var series = EventSeries()
        var waiting: [EventSeries.Write] = []
        var dropped = 0
    }

    private let api: KubernetesAPI
    private let controller: String
    private let instance: String
    private let logger: Logger
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - controller: `mlctl.dev/controller`
    ///   - instance: the name of the pod or machine.
    package init(
        _ api: KubernetesAPI, controller: String, instance: String,
        logger: Logger = Logger(label: "mlctl.kubernetes.events")
    ) {
        self.api = KubernetesAPI(
            transport: api.transport, timeout: Self.writeTimeout, retries: RetryPolicy(attempts: Self.attempts),
            stopwatch: api.stopwatch)
        self.controller = controller
        self.instance = String(instance.prefix(KubernetesEvent.maximumWordCharacters))
        self.logger = logger
        (wake, waker) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Events that were never written.
    package var droppedCount: Int { state.withLock { $0.dropped } }
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    package func record(_ event: KubernetesEvent, at now: Date = Date()) {
        state.withLock { state in
            guard let write = state.series.record(event, at: now, name: Self.name(event)) else { return }
            if state.waiting.count >= Self.maximumWaiting {
                state.waiting.removeFirst()
                state.dropped += 1
            }
            state.waiting.append(write)
        }
        waker.yield(())
    }

    /// Writes what is recorded until its task is cancelled.
    package func run() async {
        await withTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    try? await self.api.stopwatch.sleep(Self.lookForDueSeriesEvery)
                    self.state.withLock { $0.waiting += $0.series.due(at: Date()).prefix(Self.maximumWaiting) }
                    self.waker.yield(())
                }
            }
            for await _ in wake { await writeWaiting() }
            group.cancelAll()
        }
    }

    private func writeWaiting() async {
        while !Task.isCancelled, let write = state.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }) {
            do {
                try await carryOut(write)
            } catch {
                state.withLock { $0.dropped += 1 }
                logger.warning("an event could not be written", metadata: ["reason": "\(error)"])
            }
            if waitingCount > 0 { try? await api.stopwatch.sleep(Self.pace) }
        }
    }

    private func carryOut(_ write: EventSeries.Write) async throws {
        switch write {
        case .create(let event, let name):
            try await api.create(
                .events, namespace: event.regarding.namespace ?? "default",
                body: try EventBody(event, name: name, controller: controller, instance: instance, at: Date()).json)
        case .count(let event, let name, let count, let at):
            let key = NamespacedName(namespace: event.regarding.namespace ?? "default", name: name)
            try await api.merge(.events, key, body: try EventCount(count: count, at: at).json)
        }
    }

    /// As in client-go: the object's name and a unique suffix.
    private static func name(_ event: KubernetesEvent) -> String {
        let unique = UUID().uuidString.lowercased().replacing("-", with: "").prefix(16)
        return "\(event.regarding.name.prefix(200)).\(unique)"
    }
}

import Foundation
import JSON
import Logging
import Transport

/// Labels this pod with whether it leads. A Service may select the label.
///
/// # Guarantees
/// - It retries until the latest wanted state of the label is written. So of two pods that led one after the other only one
///   has the label, as soon as both can reach the API server.
///
/// # Caveats
/// - While the API server cannot be reached the label stays as it was. A pod that is asked although it does not lead says so
///   itself.
package struct LeaderLabel: Sendable {
    package static let name = "mlctl.dev/leader"
    static let backoff = Backoff(initial: .seconds(1), cap: .seconds(15))
    static let requestLimit: Duration = .seconds(5)
    /// The time limit for removing the label at the end.
    static let endLimit: Duration = .seconds(2)

    private let api: KubernetesAPI
    private let pod: NamespacedName
    private let logger: Logger

    /// - Parameter pod: this pod.
    package init(
        _ api: KubernetesAPI, pod: NamespacedName, logger: Logger = Logger(label: "mlctl.kubernetes.election")
    ) {
        self.api = api
        self.pod = pod
        self.logger = logger
    }

    /// Runs until its task is cancelled. Then it tries once to remove the label.
    /// - Parameter changes: whether this pod leads: the current state, then each change.
    package func follow(_ changes: AsyncStream<Bool>) async {
        var attempt: Task<Void, Never>?
        for await leads in changes {
            attempt?.cancel()
            await attempt?.value
            attempt = Task { await self.put(leads) }
        }
        attempt?.cancel()
        await attempt?.value
        // In a task of its own: requests of a cancelled task fail at once.
        await Task { try? await self.write(false, within: Self.endLimit) }.value
    }

    /// Retries until the label is written, or its task is cancelled.
    private func put(_ leads: Bool) async {
        var failures = 0
        var generator = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            do {
                try await write(leads, within: Self.requestLimit)
                return
            } catch {
                failures += 1
                if failures == 1, !Task.isCancelled {
                    logger.warning(
                        "Cannot update the leader label of the pod: a Service that selects it may point to the wrong pod",
                        metadata: ["pod": "\(pod)", "leads": "\(leads)", "reason": "\(error)"])
                }
                // The wait ends early only if the task is cancelled.
                try? await api.stopwatch.sleep(Self.backoff.delay(afterFailures: failures, using: &generator))
            }
        }
    }

    private func write(_ leads: Bool, within limit: Duration) async throws {
        let patch: JSONValue = ["metadata": ["labels": .object([Self.name: leads ? "true" : .null])]]
        _ = try await api.once(within: limit).merge(.pods, pod, body: Data(CanonicalJSON.text(patch).utf8))
    }
}

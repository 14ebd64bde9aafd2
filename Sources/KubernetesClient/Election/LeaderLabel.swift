import Foundation
import JSON
import Logging
import Transport

/// Says on a pod whether it leads, by a label that a Service may select.
///
/// # Guarantees
/// - The label that is wanted last is put on or taken off until that has been possible, so that of two pods that led one
///   after the other only one wears it, as soon as the API server can be reached by both.
///
/// # Caveats
/// - While the API server is away the label stays as it was: whoever is asked then says itself that it does not lead.
public struct LeaderLabel: Sendable {
    public static let name = "mlctl.dev/leader"
    static let backoff = Backoff(initial: .seconds(1), cap: .seconds(15))
    static let requestLimit: Duration = .seconds(5)
    /// For taking it off when ending.
    static let endLimit: Duration = .seconds(2)

    private let api: KubernetesAPI
    private let pod: ObjectKey
    private let logger: Logger

    /// - Parameter pod: this one.
    public init(
        _ api: KubernetesAPI, pod: ObjectKey, logger: Logger = Logger(label: "mlctl.kubernetes.election")
    ) {
        self.api = api
        self.pod = pod
        self.logger = logger
    }

    /// Until its task is cancelled; then it is taken off, if that is possible at once.
    /// - Parameter changes: whether it leads, now and whenever that changes.
    public func follow(_ changes: AsyncStream<Bool>) async {
        var attempt: Task<Void, Never>?
        for await leads in changes {
            attempt?.cancel()
            await attempt?.value
            attempt = Task { await self.put(leads) }
        }
        attempt?.cancel()
        await attempt?.value
        // Outside the cancelled task, in which no request would get through.
        await Task { try? await self.write(false, within: Self.endLimit) }.value
    }

    /// Until it is so, or its task is cancelled.
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
                        "The pod does not say whether it leads: a Service for the leader alone may lead to another one",
                        metadata: ["pod": "\(pod)", "leads": "\(leads)", "reason": "\(error)"])
                }
                // Ends early only when cancelled.
                try? await api.stopwatch.sleep(Self.backoff.delay(afterFailures: failures, using: &generator))
            }
        }
    }

    private func write(_ leads: Bool, within limit: Duration) async throws {
        let patch: JSONValue = ["metadata": ["labels": .object([Self.name: leads ? "true" : .null])]]
        _ = try await api.once(within: limit).merge(.pods, pod, body: Data(CanonicalJSON.text(patch).utf8))
    }
}

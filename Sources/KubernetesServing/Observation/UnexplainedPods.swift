import ModelManifests

/// Pods that have not served for long and whose status gives no reason: which of them to read events of, and what those said.
/// Pure: times are passed in.
///
/// Some reasons are only in events (a volume that cannot be mounted, a probe that fails). They are requested on demand: a watch
/// of all events would cost more than everything else.
struct UnexplainedPods: Hashable, Sendable {
    /// Pods that load are silent for a while.
    static let patience = Duration.seconds(15)
    static let interval = Duration.seconds(30)
    /// For one deployment.
    static let mostAtOnce = 2

    private struct Silence: Hashable, Sendable {
        var since: Duration
        var askedAt: Duration?
        var heard: PodExplanation?
    }

    private var silences: [DeploymentKey: [String: Silence]] = [:]

    /// - Parameter silent: the UIDs of all pods of the deployment that are silent now; others are forgotten.
    /// - Returns: the pods to ask about now; those that were not asked about for longest come first.
    mutating func due(_ silent: [String], of deployment: DeploymentKey, now: Duration) -> [String] {
        let before = silences[deployment] ?? [:]
        let after = Dictionary(silent.map { ($0, before[$0] ?? Silence(since: now)) }) { first, _ in first }
        silences[deployment] = after.isEmpty ? nil : after
        let due = after.filter { _, silence in
            now - silence.since >= Self.patience && silence.askedAt.map { now - $0 >= Self.interval } ?? true
        }
        return due.sorted { ($0.value.askedAt ?? .zero, $0.key) < ($1.value.askedAt ?? .zero, $1.key) }
            .prefix(Self.mostAtOnce).map(\.key)
    }

    /// - Parameter answer: nil if there was no event, or the request failed.
    mutating func note(_ answer: PodExplanation?, of uid: String, in deployment: DeploymentKey, now: Duration) {
        silences[deployment]?[uid]?.askedAt = now
        silences[deployment]?[uid]?.heard = answer
    }

    /// By UID.
    func heard(of deployment: DeploymentKey) -> [String: PodExplanation] {
        (silences[deployment] ?? [:]).compactMapValues(\.heard)
    }
}

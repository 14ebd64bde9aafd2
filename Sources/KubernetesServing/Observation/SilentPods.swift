import ModelManifests

/// Pods that have not served for long, without a status that says why: which of them to ask events about, and what was heard.
/// Pure: times are passed in.
///
/// What a kubelet or a scheduler says in events alone (a volume that cannot be mounted, a probe that fails) is asked for on
/// demand: a watch of all events would cost more than all else.
struct SilentPods: Hashable, Sendable {
    /// Pods that load are silent for a while.
    static let patience = Duration.seconds(15)
    static let interval = Duration.seconds(30)
    /// Of one deployment.
    static let mostAtOnce = 2

    private struct Silence: Hashable, Sendable {
        var since: Duration
        var askedAt: Duration?
        var heard: PodWord?
    }

    private var silences: [DeploymentKey: [String: Silence]] = [:]

    /// - Parameter silent: uids of all of the deployment's pods that are silent now; others are forgotten.
    /// - Returns: those to ask about now, longest unasked first.
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

    /// - Parameter answer: nil where there was no event, or it could not be asked for.
    mutating func note(_ answer: PodWord?, of uid: String, in deployment: DeploymentKey, now: Duration) {
        silences[deployment]?[uid]?.askedAt = now
        silences[deployment]?[uid]?.heard = answer
    }

    /// By uid.
    func heard(of deployment: DeploymentKey) -> [String: PodWord] {
        (silences[deployment] ?? [:]).compactMapValues(\.heard)
    }
}

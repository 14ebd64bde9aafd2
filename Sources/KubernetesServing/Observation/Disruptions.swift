import ModelManifests

/// Remembers revisions whose pods the cluster removes: their node is drained, full or gone. A replacement must load its model
/// first, and that time is not held against the revision. Pure: times are passed in.
///
/// Evicted pods are soon gone while their successors load for minutes, so the loss is remembered.
struct Disruptions: Hashable, Sendable {
    /// How long a successor may load before that is held against its revision again.
    static let patience = Duration.seconds(ProbeRendering.longestStartSeconds)
    /// The most losses that are remembered of one deployment.
    static let most = 64

    private struct Loss: Hashable, Sendable {
        var revision: Revision
        var reason: String
        var at: Duration
    }

    /// By the pod's UID.
    private var losses: [DeploymentKey: [String: Loss]] = [:]

    /// - Parameter pods: all pods of the deployment.
    mutating func note(_ pods: [PodObservation], of deployment: DeploymentKey, now: Duration) {
        var known = (losses[deployment] ?? [:]).filter { now - $0.value.at < Self.patience }
        let present = Set(pods.compactMap(\.pod.metadata.uid))
        let older = losses[deployment] ?? [:]
        for pod in pods where known.count < Self.most {
            // A pod that was seen before is not counted as lost again: ended pods remain visible for long.
            guard let uid = pod.pod.metadata.uid, older[uid] == nil, let revision = pod.revision,
                let reason = pod.disruption
            else { continue }
            known[uid] = Loss(revision: revision, reason: "\(pod.pod.metadata.name) was removed: \(reason)", at: now)
        }
        // Keep pods that still exist, so that they do not count as new losses.
        for (uid, loss) in older where known[uid] == nil && present.contains(uid) && known.count < Self.most {
            known[uid] = loss
        }
        losses[deployment] = known.isEmpty ? nil : known
    }

    /// Why pods of a revision may be missing now; empty if the cluster removed none recently.
    func reasons(of deployment: DeploymentKey, now: Duration) -> [Revision: String] {
        let recent = (losses[deployment] ?? [:]).values.filter { now - $0.at < Self.patience }
        return Dictionary(recent.sorted { $0.at < $1.at }.map { ($0.revision, $0.reason) }) { _, newer in newer }
    }

    mutating func forget(_ deployment: DeploymentKey) { losses[deployment] = nil }
}

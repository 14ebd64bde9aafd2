import ModelManifests

/// Revisions of which the cluster takes pods away: a node is drained, is full or gone. What stands in for such a pod has to
/// load its model first, and no revision is to blame for the time that takes. Pure: times are passed in.
///
/// Pods that were evicted are soon gone, their successors load for minutes: so this is remembered.
struct Disruptions: Hashable, Sendable {
    /// How long a successor may load before its revision answers for it again.
    static let patience = Duration.seconds(ProbeRendering.longestStartSeconds)
    /// Of one deployment.
    static let most = 64

    private struct Loss: Hashable, Sendable {
        var revision: Revision
        var reason: String
        var at: Duration
    }

    /// By the pod's uid.
    private var losses: [DeploymentKey: [String: Loss]] = [:]

    /// - Parameter pods: all of the deployment's.
    mutating func note(_ pods: [PodReading], of deployment: DeploymentKey, now: Duration) {
        var known = (losses[deployment] ?? [:]).filter { now - $0.value.at < Self.patience }
        let present = Set(pods.compactMap(\.pod.metadata.uid))
        let older = losses[deployment] ?? [:]
        for pod in pods where known.count < Self.most {
            // One that was seen before is not lost anew: ended pods stay for long.
            guard let uid = pod.pod.metadata.uid, older[uid] == nil, let revision = pod.revision,
                let reason = pod.disruption
            else { continue }
            known[uid] = Loss(revision: revision, reason: "\(pod.pod.metadata.name) was taken away: \(reason)", at: now)
        }
        // Those that are still there are kept, so that they are not taken for new.
        for (uid, loss) in older where known[uid] == nil && present.contains(uid) && known.count < Self.most {
            known[uid] = loss
        }
        losses[deployment] = known.isEmpty ? nil : known
    }

    /// Why pods of a revision may be missing now; nil where the cluster took none away lately.
    func reasons(of deployment: DeploymentKey, now: Duration) -> [Revision: String] {
        let recent = (losses[deployment] ?? [:]).values.filter { now - $0.at < Self.patience }
        return Dictionary(recent.sorted { $0.at < $1.at }.map { ($0.revision, $0.reason) }) { _, newer in newer }
    }

    mutating func forget(_ deployment: DeploymentKey) { losses[deployment] = nil }
}

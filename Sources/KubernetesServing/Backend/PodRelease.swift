import ModelManifests
import Serving

/// Which pods of a retired revision may end at once, rather than when their longest request could be over. Pure.
///
/// Kubernetes ends a pod by a hook and a grace period that are part of it: they have to be long enough for a pod that is
/// taken away with requests under way. Whether there are any, the proxies know.
enum PodRelease {
    /// What an idle pod is given instead: Kubernetes grants at least two seconds more from SIGTERM to SIGKILL.
    static let graceSeconds = 1
    static let look: Duration = .seconds(1)
    /// Of a revision whose pods do not go: their own time is long over then.
    static let longest: Duration = .seconds(3600)

    /// Of a manifest that says nothing of it.
    private static let usualGracePeriod = Runtime(command: []).terminationGracePeriod

    /// Nobody but the proxies sends it requests, and nothing was said of how it wants to end.
    static func isReleasable(_ revision: RevisionPlan, wasPreviewed: Bool) -> Bool {
        let runtime = revision.template.runtime
        return !wasPreviewed && runtime.pod?.template == nil
            && runtime.terminationGracePeriod <= usualGracePeriod
    }

    /// - Parameters:
    ///   - ending: names of pods that the cluster is ending.
    ///   - proxies: names of all the namespace's proxies that could have requests under way, those that end included.
    ///   - traffic: what they say; nil where there is none to be asked.
    /// - Returns: those that no proxy sends anything to, and that have nothing under way.
    static func idle(_ ending: [String], proxies: Set<String>, _ traffic: ProxiedTraffic?) -> Set<String> {
        if proxies.isEmpty { return Set(ending) }
        guard let traffic, traffic.silence == nil, proxies.isSubset(of: traffic.shares.keys) else { return [] }
        return Set(ending).subtracting(traffic.busy)
    }
}

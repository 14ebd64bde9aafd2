import ModelManifests
import Serving

/// Decides which pods of a retired revision may end at once, instead of after the time of their longest request. Pure.
///
/// A pod's hook and grace period are part of the pod, and must be long enough for a pod that is deleted with requests under
/// way. Only the proxies know whether there are any.
enum IdlePodTermination {
    /// The grace period of an idle pod: Kubernetes waits at least two more seconds between SIGTERM and SIGKILL.
    static let graceSeconds = 1
    static let look: Duration = .seconds(1)
    /// When to give up on pods that do not end: their own grace period is over long before.
    static let longest: Duration = .seconds(3600)

    /// The grace period of a manifest that does not set one.
    private static let usualGracePeriod = Runtime(command: []).terminationGracePeriod

    /// Whether only the proxies send requests to the revision, and its manifest sets no way of ending of its own.
    static func isReleasable(_ revision: RevisionPlan, wasPreviewed: Bool) -> Bool {
        let runtime = revision.template.runtime
        return !wasPreviewed && runtime.pod?.template == nil
            && runtime.terminationGracePeriod <= usualGracePeriod
    }

    /// - Parameters:
    ///   - ending: names of pods that the cluster is ending.
    ///   - proxies: names of all proxies of the namespace that could have requests under way, including those that end.
    ///   - traffic: the proxies' answer; nil if there is no proxy to ask.
    /// - Returns: the pods that no proxy sends requests to and that have none under way.
    static func idle(_ ending: [String], proxies: Set<String>, _ traffic: ProxiedTraffic?) -> Set<String> {
        if proxies.isEmpty { return Set(ending) }
        guard let traffic, traffic.silence == nil, proxies.isSubset(of: traffic.shares.keys) else { return [] }
        return Set(ending).subtracting(traffic.busy)
    }
}

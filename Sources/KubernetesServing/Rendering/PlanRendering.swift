import KubernetesClient
import ModelManifests
import Serving

/// Renders a plan as the objects that implement it. Pure: the same input gives the same objects.
struct PlanRendering: Sendable {
    var plan: ServingPlan
    var settings: ClusterServingSettings
    var router: any ClusterRouter
    /// Pods that answer now, by revision.
    var ready: [Revision: Int] = [:]
    /// For router `proxy`: the container port of the route, once chosen.
    var proxyPort: Int?
    /// For router `proxy`: the fingerprint of the key that signs request ids.
    var proxyKey: String?
    /// For router `proxy`: the controller's seal for routes.
    var seal: RecordSeal?
    /// The namespace's shared objects, if they were rendered before.
    var knownShared: [WantedObject]?

    struct Result: Sendable {
        /// The objects that routes point to. They are created first.
        var workloads: [WantedObject] = []
        /// The objects that split the traffic.
        var routes: [WantedObject] = []
        /// The objects that the namespace's deployments share.
        var shared: [WantedObject] = []
        /// The errors of revisions that cannot be served; the other revisions are.
        var failures: [ClusterServingError] = []

        var all: [WantedObject] { shared + workloads + routes }
    }

    func result() -> Result {
        var result = Result()
        guard !plan.revisions.isEmpty else { return result }
        let routing = RouteRendering(
            plan: plan, settings: settings, ready: ready, proxyPort: proxyPort, proxyKey: proxyKey,
            seal: seal)
        let replicas = router.replicas(plan)
        for wanted in plan.revisions {
            let asked = replicas[wanted.revision] ?? wanted.replicas
            // The last pod that answers for a share of the traffic stays, even if its room is wanted.
            let least = wanted.weight > 0 && ready[wanted.revision, default: 0] > 0 ? 1 : 0
            // An external autoscaler scales neither a revision that is going away nor one whose replicas the router sets.
            let isScaledByOthers = plan.scaling == .external && wanted.replicas > 0 && replicas[wanted.revision] == nil
            let rendering = RevisionRendering(
                plan: plan, wanted: wanted, settings: settings, replicas: max(asked, least),
                isScaledByOthers: isScaledByOthers)
            do {
                result.workloads += try rendering.objects()
            } catch let error as ClusterServingError {
                result.failures.append(error)
            } catch {
                result.failures.append(ClusterServingError(.invalidPlan, "\(error)"))
            }
        }
        result.routes = router.routes(routing)
        result.shared = knownShared ?? router.shared(routing)
        return result
    }

    /// The names of the plan's revisions. Their objects are kept, even if a revision cannot be rendered.
    var keptNames: Set<String> { Set(plan.revisions.map { ObjectNames.revision(plan.deployment, $0.revision) }) }
}

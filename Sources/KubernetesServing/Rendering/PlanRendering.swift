import KubernetesClient
import ModelManifests
import Serving

/// A plan as the objects that make it true. Pure: the same again is the same objects.
struct PlanRendering: Sendable {
    var plan: ServingPlan
    var settings: ClusterServingSettings
    var router: any ClusterRouter
    /// Pods that answer now, by revision.
    var ready: [Revision: Int] = [:]
    /// Of router `proxy`: the container port that the route has, once chosen.
    var proxyPort: Int?
    /// Of router `proxy`: the fingerprint of the key that request ids are signed by.
    var proxyKey: String?
    /// Of router `proxy`: what the controller seals routes by.
    var seal: RecordSeal?
    /// What the namespace shares, where that was rendered before.
    var knownShared: [WantedObject]?

    struct Result: Sendable {
        /// What routes go to: there before them.
        var workloads: [WantedObject] = []
        /// What splits the traffic.
        var routes: [WantedObject] = []
        /// Of the namespace, shared by its deployments.
        var shared: [WantedObject] = []
        /// Revisions that cannot be served; the others are.
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
            // The last pod that answers for a share of the traffic stays, whatever room is wanted.
            let least = wanted.weight > 0 && ready[wanted.revision, default: 0] > 0 ? 1 : 0
            // Nobody scales what is to go, or what the router counts.
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

    /// Names of a revision's objects are kept while it is in the plan, also where it cannot be rendered.
    var keptNames: Set<String> { Set(plan.revisions.map { ObjectNames.revision(plan.deployment, $0.revision) }) }
}

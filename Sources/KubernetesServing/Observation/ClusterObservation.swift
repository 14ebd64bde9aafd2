import KubernetesClient
import ModelManifests
import Serving

/// What a cluster's objects say of one deployment. Pure.
struct ClusterObservation: Sendable {
    var deployment: DeploymentKey
    var router: any ClusterRouter
    var pods: [ServedObject<PodKind>]
    var workloads: [ServedObject<WorkloadKind>]
    /// Of the proxy's own Deployment.
    var readyProxies: Int
    /// All but metadata, of objects that routers look at.
    var objects: [ObjectID: JSONValue]
    /// As last applied by this controller; nil: by another, or never.
    var plan: ServingPlan?
    /// The annotation of the object that routes.
    var sketch: PlanSketch?
    /// Why the proxies do not serve, where they do not.
    var proxyTrouble: String?
    /// What events said of pods whose status says nothing, by uid.
    var said: [String: String] = [:]
    /// What else is wrong.
    var problems: [String]

    static func ready(_ pods: [ServedObject<PodKind>]) -> [Revision: Int] {
        Dictionary(
            pods.map { PodReading($0) }.compactMap { reading in
                reading.isReady ? reading.revision.map { ($0, 1) } : nil
            }, uniquingKeysWith: +)
    }

    var observation: Observation {
        let ready = Self.ready(pods)
        let plan = plan ?? restoredPlan
        let view = router.observe(
            RouteSeen(
                deployment: deployment, plan: plan, objects: objects, ready: ready, readyProxies: readyProxies,
                proxyTrouble: proxyTrouble))
        return Observation(
            instances: pods.compactMap { PodReading($0, said: said[$0.metadata.uid ?? ""]).instance }.sorted {
                $0.id < $1.id
            }, endpoint: view.endpoint,
            preview: preview(plan, ready), weights: view.weights, mirrors: view.mirrors, plan: plan,
            problems: problems + workloads.flatMap(Self.problems) + view.problems + missing(plan))
    }

    private var restoredPlan: ServingPlan? {
        guard let sketch else { return nil }
        let templates = workloads.compactMap { workload -> (Revision, ServingTemplate)? in
            guard let revision = workload.metadata.labels[ObjectLabels.revision],
                let template = AnnotationJSON.value(
                    ServingTemplate.self, workload.metadata.annotations[ObjectAnnotations.template])
            else { return nil }
            return (Revision(rawValue: revision), template)
        }
        return sketch.plan(of: deployment, templates: Dictionary(templates) { first, _ in first })
    }

    /// The Service of a candidate's own pods.
    private func preview(_ plan: ServingPlan?, _ ready: [Revision: Int]) -> String? {
        guard let plan, let candidate = plan.revisions.first(where: { $0.preview != nil }),
            ready[candidate.revision, default: 0] > 0
        else { return nil }
        let seen = RouteSeen(deployment: deployment, plan: plan, objects: [:], ready: ready, readyProxies: 0)
        return seen.address(ofService: ObjectNames.revision(deployment, candidate.revision))
    }

    /// Why a Deployment cannot make pods: a quota, a policy, a service account that is missing.
    static func problems(of workload: ServedObject<WorkloadKind>) -> [String] {
        (workload.detail.status?.conditions ?? []).filter { $0.type == "ReplicaFailure" && $0.status == "True" }.map {
            let message = $0.message ?? $0.reason ?? "no reason given"
            let advice =
                if message.contains("exceeded quota") {
                    "Raise the namespace's ResourceQuota, or ask for less."
                } else if message.contains("violates PodSecurity") {
                    "Set `runtime.podSecurity`, or relax the namespace's policy."
                } else if message.contains("serviceaccount") {
                    "Create it, or correct `runtime.serviceAccountName`."
                } else {
                    "See 'kubectl -n \(workload.metadata.namespace ?? "") describe deployment \(workload.metadata.name)'."
                }
            return "no pods can be made for \(workload.metadata.name): \(message). \(advice)"
        }
    }

    /// What a plan asks for and a cluster does not do: without a volume, nobody but the server has the model's files.
    private func missing(_ plan: ServingPlan?) -> [String] {
        let isWarmable = plan?.revisions.allSatisfy {
            $0.template.runtime.warmup == nil || $0.template.model.storageURI != nil
        }
        guard isWarmable == false else { return [] }
        return [
            "`runtime.warmup` is not played: the model's files are in the server's image, where nobody else finds them. "
                + "Name them by `model.storageUri`, or let the readiness probe ask for what warms the model up."
        ]
    }
}

import JSON
import KubernetesClient
import ModelManifests
import Serving

/// What a cluster's objects say about one deployment. Pure.
struct ClusterObservation: Sendable {
    var deployment: DeploymentKey
    var router: any ClusterRouter
    var pods: [ManagedObject<PodKind>]
    var workloads: [ManagedObject<WorkloadKind>]
    /// The ready replicas of the proxy's Deployment.
    var readyProxies: Int
    /// Everything but the metadata, for objects that routers read.
    var objects: [ObjectID: JSONValue]
    /// The plan that this controller applied last; nil: another controller applied it, or nobody.
    var plan: ServingPlan?
    /// The annotation of the object that routes.
    var sketch: PlanOutline?
    /// Why the proxies do not serve; nil if they do.
    var proxyTrouble: String?
    /// What events say about pods whose status gives no reason, by UID.
    var said: [String: PodExplanation] = [:]
    /// Why the cluster recently removed pods of a revision.
    var disrupted: [Revision: String] = [:]
    /// What the proxies report about their traffic; nil if nobody asks them.
    var traffic: ProxiedTraffic?
    /// Further problems.
    var problems: [String]

    static func ready(_ pods: [ManagedObject<PodKind>]) -> [Revision: Int] { counted(pods, where: \.isReady) }

    private static func counted(
        _ pods: [ManagedObject<PodKind>], where isCounted: (PodObservation) -> Bool
    ) -> [Revision: Int] {
        Dictionary(
            pods.map { PodObservation($0) }.compactMap { reading in
                isCounted(reading) ? reading.revision.map { ($0, 1) } : nil
            }, uniquingKeysWith: +)
    }

    var observation: Observation {
        let ready = Self.ready(pods)
        let plan = plan ?? restoredPlan
        let view = router.observe(
            RouteInput(
                deployment: deployment, plan: plan, objects: objects, ready: ready,
                answering: Self.counted(pods, where: \.answers), readyProxies: readyProxies,
                proxyTrouble: proxyTrouble, traffic: traffic))
        return Observation(
            instances: (pods.compactMap(instance) + workloads.flatMap(missingInstances)).sorted { $0.id < $1.id },
            endpoint: view.endpoint, endpointProblem: view.endpoint == nil ? view.endpointProblem : nil,
            preview: preview(plan, ready), weights: view.weights, mirrors: view.mirrors, plan: plan,
            problems: problems + workloads.flatMap(Self.problems) + view.problems + (traffic?.problems ?? [])
                + missing(plan),
            wantedReplicas: wantedReplicas(plan), cutRequests: traffic?.cutRequests ?? 0,
            refusedConnections: traffic?.refusedConnections ?? 0)
    }

    /// If a pod replaces one that the cluster removed and is still loading, it counts as blocked by the cluster. A pod that
    /// crashes or fails does not.
    private func instance(_ pod: ManagedObject<PodKind>) -> InstanceObservation? {
        guard var instance = PodObservation(pod, said: said[pod.metadata.uid ?? ""]).instance else { return nil }
        // Proxies that say nothing have taken nobody back.
        if let traffic, !traffic.shares.isEmpty { instance.isEjected = traffic.ejected.contains(instance.id) }
        if [.starting, .fetching].contains(instance.condition), let reason = disrupted[instance.revision] {
            instance.condition = .blocked
            instance.reason = "it replaces another pod: \(reason). \(instance.reason ?? "It is starting.")"
        }
        return instance
    }

    /// Pods that the API server refuses to create (a quota, a policy) count as one instance that the cluster blocks, with the
    /// name of their Deployment.
    private func missingInstances(of workload: ManagedObject<WorkloadKind>) -> [InstanceObservation] {
        guard let reason = Self.problems(of: workload).first,
            let revision = workload.metadata.labels[ObjectLabels.revision].map({ Revision(rawValue: $0) })
        else { return [] }
        let living = pods.count { pod in
            let reading = PodObservation(pod)
            return reading.revision == revision && reading.instance != nil && pod.metadata.deletionTimestamp == nil
        }
        guard living < workload.detail.spec?.replicas ?? 1 else { return [] }
        return [
            InstanceObservation(id: workload.metadata.name, revision: revision, condition: .blocked, reason: reason)
        ]
    }

    /// If an external autoscaler owns the number, it is what the Deployments ask for.
    private func wantedReplicas(_ plan: ServingPlan?) -> [Revision: Int] {
        guard plan?.scaling == .external else { return [:] }
        return Dictionary(
            workloads.compactMap { workload in
                workload.metadata.labels[ObjectLabels.revision].map {
                    (Revision(rawValue: $0), workload.detail.spec?.replicas ?? 1)
                }
            }
        ) { first, _ in first }
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
        let seen = RouteInput(deployment: deployment, plan: plan, objects: [:], ready: ready)
        return seen.address(ofService: ObjectNames.revision(deployment, candidate.revision))
    }

    /// Why a Deployment cannot create pods: a quota, a policy, a missing service account.
    static func problems(of workload: ManagedObject<WorkloadKind>) -> [String] {
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
                    "Look at 'kubectl -n \(workload.metadata.namespace ?? "") describe deployment \(workload.metadata.name)'."
                }
            return "no pods can be created for \(workload.metadata.name): \(message). \(advice)"
        }
    }

    /// What a plan asks for but a cluster does not do: without a volume only the server has the model's files.
    private func missing(_ plan: ServingPlan?) -> [String] {
        let isWarmable = plan?.revisions.allSatisfy {
            $0.template.runtime.warmup == nil || $0.template.model.storageURI != nil
        }
        guard isWarmable == false else { return [] }
        return [
            "`runtime.warmup` has no effect: the model's files are in the server's image, where the companion cannot read them. "
                + "Set `model.storageUri`, or use a readiness probe that warms the model up."
        ]
    }
}

import JSON
import KubernetesClient
import ModelManifests
import Serving

/// Splits traffic between revisions in a cluster. One file for each router; add a new one to `ClusterRouters.all`.
///
/// # Guarantees of a router
/// - Rendering is pure: the same plan gives equal objects, so that nothing is written twice.
/// - All its objects come from `RouteRendering.object`, with its labels, so that they are found and deleted.
/// - Exactly one of `routes` carries the plan (`isRoute: true`).
package protocol ClusterRouter: Sendable {
    /// What must be installed in the cluster besides Kubernetes itself.
    var needs: [RouterRequirement] { get }
    /// The types of the objects of `routes` and `shared`, besides Services and ConfigMaps.
    var kinds: [any ManagedKind.Type] { get }
    /// How many pods each revision gets. A revision that is left out gets the plan's number.
    func replicas(_ plan: ServingPlan) -> [Revision: Int]
    /// The objects that split the traffic. They are applied after the revisions' own objects.
    func routes(_ rendering: RouteRendering) -> [WantedObject]
    /// The objects that all deployments of a namespace share. No deployment owns them; they are deleted with the last one.
    func shared(_ rendering: RouteRendering) -> [WantedObject]
    /// Which traffic goes where, according to the cluster's objects.
    func observe(_ seen: RouteInput) -> RouteObservation
}

extension ClusterRouter {
    package var needs: [RouterRequirement] { [] }
    package var kinds: [any ManagedKind.Type] { [] }
    package func replicas(_ plan: ServingPlan) -> [Revision: Int] { [:] }
    package func shared(_ rendering: RouteRendering) -> [WantedObject] { [] }
}

package enum ClusterRouters {
    static let all: [any ClusterRouter] = KubernetesTarget.Router.allCases.map(router)

    package static func router(_ kind: KubernetesTarget.Router) -> any ClusterRouter {
        switch kind {
        case .proxy: ProxyRouter()
        case .gatewayAPI: GatewayAPIRouter()
        case .replicaRatio: ReplicaRatioRouter()
        }
    }
}

/// A definition that the cluster must have, and what to do if it is missing.
package struct RouterRequirement: Hashable, Sendable {
    package var type: ResourceType
    package var advice: String

    package init(type: ResourceType, advice: String) {
        self.type = type
        self.advice = advice
    }
}

/// The input of a router's rendering.
package struct RouteRendering: Sendable {
    package var plan: ServingPlan
    package var settings: ClusterServingSettings
    /// Pods that answer now, by revision.
    package var ready: [Revision: Int]
    /// The container port of the deployment's route in the proxies.
    package var proxyPort: Int?
    /// The fingerprint of the namespace's key of request ids; nil while there is none.
    package var proxyKey: String?
    /// The controller's seal for routes; nil if it seals none.
    package var seal: RecordSeal?

    package var target: KubernetesTarget {
        if case .kubernetes(let target) = plan.target { target } else { KubernetesTarget() }
    }

    /// The plan's weights. The share of revisions that cannot answer goes to those that can.
    package var balancedWeights: [(revision: Revision, weight: Int)] {
        let weights = WeightBalance.weights(
            plan.revisions.map { .init(weight: $0.weight, answers: ready[$0.revision, default: 0] > 0) })
        return zip(plan.revisions, weights).map { ($0.revision, $1) }
    }

    /// - Parameter isRoute: whether the object carries the plan.
    package func object(
        _ type: ResourceType, name: String, labels: [String: String] = [:], annotations: [String: String] = [:],
        isRoute: Bool = false, content: [String: JSONValue]
    ) -> WantedObject {
        var annotations = annotations
        if isRoute { annotations[ObjectAnnotations.plan] = AnnotationJSON.text(PlanOutline(plan)) }
        return WantedObject(
            type, namespace: plan.deployment.namespace, name: name,
            labels: ObjectLabels.of(plan.deployment).merging(labels) { own, _ in own }, annotations: annotations,
            content: content)
    }

    /// The Service of one revision's pods.
    package func serviceName(_ revision: Revision) -> String { ObjectNames.revision(plan.deployment, revision) }
}

/// What a router observes: the deployment's objects in the cluster.
package struct RouteInput: Sendable {
    package var deployment: DeploymentKey
    /// The plan that was applied last; nil if it is not known.
    package var plan: ServingPlan?
    /// Everything but `metadata` of the objects of `kinds` and of ConfigMaps, reduced to what routers read.
    package var objects: [ObjectID: JSONValue]
    /// Pods that answer now, by revision.
    package var ready: [Revision: Int]
    /// Pods that answer, including those that are ending, by revision.
    package var answering: [Revision: Int]
    /// The ready proxies of the namespace.
    package var readyProxies: Int
    /// Why no proxy is ready; nil if that is not known.
    package var proxyTrouble: String?
    /// What the proxies themselves report; nil if nobody asks them.
    package var traffic: ProxiedTraffic?

    package init(
        deployment: DeploymentKey, plan: ServingPlan?, objects: [ObjectID: JSONValue], ready: [Revision: Int],
        answering: [Revision: Int]? = nil, readyProxies: Int = 0, proxyTrouble: String? = nil,
        traffic: ProxiedTraffic? = nil
    ) {
        self.deployment = deployment
        self.plan = plan
        self.objects = objects
        self.ready = ready
        self.answering = answering ?? ready
        self.readyProxies = readyProxies
        self.proxyTrouble = proxyTrouble
        self.traffic = traffic
    }

    /// Whether a pod of a revision with weight answers.
    package var isAnswered: Bool {
        plan?.revisions.contains { $0.weight > 0 && answering[$0.revision, default: 0] > 0 } ?? false
    }

    /// The message for an endpoint without a pod that answers.
    package var unanswered: String {
        "no pod of \(deployment.name) that has a share of the traffic is ready: the Service has no endpoint. Look at the "
            + "instances for why."
    }

    package func object(_ type: ResourceType, _ name: String) -> JSONValue? {
        objects[ObjectID(type: type, key: NamespacedName(namespace: deployment.namespace, name: name))]
    }

    /// The name and port of a Service, for pods of the cluster.
    package func address(ofService name: String) -> String {
        ServiceRendering.address(of: name, in: deployment.namespace, plan?.endpoint ?? Endpoint())
    }
}

/// What a router observes.
package struct RouteObservation: Hashable, Sendable {
    /// The real share of the traffic of each revision; nil if nothing routes yet, or the shares are not known.
    package var weights: [Revision: Int]?
    package var mirrors: [Revision: Int]?
    /// The address at which the service answers; nil while it does not.
    package var endpoint: String?
    /// Why the service does not answer, and what to do.
    package var endpointProblem: String?
    package var problems: [String]

    package init(
        weights: [Revision: Int]? = nil, mirrors: [Revision: Int]? = nil, endpoint: String? = nil,
        endpointProblem: String? = nil, problems: [String] = []
    ) {
        self.endpointProblem = endpointProblem
        self.weights = weights
        self.mirrors = mirrors
        self.endpoint = endpoint
        self.problems = problems
    }
}

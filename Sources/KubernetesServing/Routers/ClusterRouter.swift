import JSON
import KubernetesClient
import ModelManifests
import Serving

/// What splits traffic between revisions in a cluster. One file each; a new one is added to `ClusterRouters.all`.
///
/// # Guarantees that a router gives
/// - Rendering is pure: the same plan gives equal objects, so that nothing is written twice.
/// - Each of its objects carries the labels and the owner of `RouteRendering.object`, so that it is found and taken away.
/// - Exactly one of `routes` carries the plan (`isRoute: true`).
public protocol ClusterRouter: Sendable {
    /// What must be installed in the cluster beside Kubernetes itself.
    var needs: [RouterNeed] { get }
    /// Types of the objects of `routes` and `shared`, beside Services and ConfigMaps.
    var kinds: [any ServedKind.Type] { get }
    /// How many pods each revision is to have; revisions that are left out have what the plan says.
    func replicas(_ plan: ServingPlan) -> [Revision: Int]
    /// What splits the traffic, wanted after the revisions' own objects are there.
    func routes(_ rendering: RouteRendering) -> [WantedObject]
    /// What all deployments of a namespace share; not owned by one of them, gone with the last.
    func shared(_ rendering: RouteRendering) -> [WantedObject]
    /// Which traffic goes where, as the cluster's objects say.
    func observe(_ seen: RouteSeen) -> RouteView
}

extension ClusterRouter {
    public var needs: [RouterNeed] { [] }
    public var kinds: [any ServedKind.Type] { [] }
    public func replicas(_ plan: ServingPlan) -> [Revision: Int] { [:] }
    public func shared(_ rendering: RouteRendering) -> [WantedObject] { [] }
}

public enum ClusterRouters {
    static let all: [any ClusterRouter] = KubernetesTarget.Router.allCases.map(router)

    public static func router(_ kind: KubernetesTarget.Router) -> any ClusterRouter {
        switch kind {
        case .proxy: ProxyRouter()
        case .gatewayAPI: GatewayAPIRouter()
        case .replicaRatio: ReplicaRatioRouter()
        }
    }
}

/// A definition that must be in the cluster, and what to do where it is not.
public struct RouterNeed: Hashable, Sendable {
    public var type: ResourceType
    public var advice: String

    public init(type: ResourceType, advice: String) {
        self.type = type
        self.advice = advice
    }
}

/// What a router renders from.
public struct RouteRendering: Sendable {
    public var plan: ServingPlan
    public var settings: ClusterServingSettings
    /// Pods that answer now, by revision.
    public var ready: [Revision: Int]
    /// The container port of the deployment's route in the proxies.
    public var proxyPort: Int?
    /// Which key of request ids the namespace's proxies have; nil while there is none.
    public var proxyKey: String?
    /// What the controller seals routes by; nil where it seals none.
    public var seal: RecordSeal?

    public var target: KubernetesTarget {
        if case .kubernetes(let target) = plan.target { target } else { KubernetesTarget() }
    }

    /// The plan's weights, with the share of revisions that cannot answer given to those that can.
    public var balancedWeights: [(revision: Revision, weight: Int)] {
        let weights = WeightBalance.weights(
            plan.revisions.map { .init(weight: $0.weight, answers: ready[$0.revision, default: 0] > 0) })
        return zip(plan.revisions, weights).map { ($0.revision, $1) }
    }

    /// - Parameter isRoute: it carries the plan.
    public func object(
        _ type: ResourceType, name: String, labels: [String: String] = [:], annotations: [String: String] = [:],
        isRoute: Bool = false, content: [String: JSONValue]
    ) -> WantedObject {
        var annotations = annotations
        if isRoute { annotations[ObjectAnnotations.plan] = AnnotationJSON.text(PlanSketch(plan)) }
        return WantedObject(
            type, namespace: plan.deployment.namespace, name: name,
            labels: ObjectLabels.of(plan.deployment).merging(labels) { own, _ in own }, annotations: annotations,
            content: content)
    }

    /// Of one revision's pods.
    public func serviceName(_ revision: Revision) -> String { ObjectNames.revision(plan.deployment, revision) }
}

/// What a router observes from: the deployment's objects as the cluster has them.
public struct RouteSeen: Sendable {
    public var deployment: DeploymentKey
    /// As last applied; nil where that is not known.
    public var plan: ServingPlan?
    /// All but `metadata` of the objects that `kinds` and ConfigMaps have, without what only others look at.
    public var objects: [ObjectID: JSONValue]
    /// Pods that answer now, by revision.
    public var ready: [Revision: Int]
    /// Pods that answer, those on their way out included, by revision.
    public var answering: [Revision: Int]
    /// Of the namespace's shared proxies.
    public var readyProxies: Int
    /// Why there are none; nil where that is not known.
    public var proxyTrouble: String?
    /// What the proxies themselves say; nil where nobody asks them.
    public var traffic: ProxiedTraffic?

    public init(
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

    /// A pod of a revision with weight answers.
    public var isAnswered: Bool {
        plan?.revisions.contains { $0.weight > 0 && answering[$0.revision, default: 0] > 0 } ?? false
    }

    /// What is said of an endpoint behind which nobody answers.
    public var unanswered: String {
        "no pod of \(deployment.name) that has a share of the traffic is ready: the Service has no endpoint. See the "
            + "instances for why."
    }

    public func object(_ type: ResourceType, _ name: String) -> JSONValue? {
        objects[ObjectID(type: type, key: ObjectKey(namespace: deployment.namespace, name: name))]
    }

    /// A Service's name and port, as pods of the cluster ask for it.
    public func address(ofService name: String) -> String {
        ServiceRendering.address(of: name, in: deployment.namespace, plan?.endpoint ?? Endpoint())
    }
}

/// What a router sees.
public struct RouteView: Hashable, Sendable {
    /// The share of the traffic that each revision really gets; nil where nothing routes yet, or that is not known.
    public var weights: [Revision: Int]?
    public var mirrors: [Revision: Int]?
    /// Where the service answers; nil while it does not.
    public var endpoint: String?
    /// Why it does not, and what to do.
    public var endpointProblem: String?
    public var problems: [String]

    public init(
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

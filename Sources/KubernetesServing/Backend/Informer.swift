import JSON
import KubernetesClient
import Logging
import ModelManifests

/// The backend's view of one type of objects. A cache behind it watches the API server.
protocol Informer: Sendable {
    var type: ResourceType { get }
    var isSynced: Bool { get }
    /// Why the type cannot be read from the API server now.
    var failure: APIError? { get }
    func live(_ key: NamespacedName) -> LiveObject?
    func live(of deployment: DeploymentKey) -> [LiveObject]
    var allLive: [LiveObject] { get }
    /// The plan in the annotation of a route.
    func sketch(of deployment: DeploymentKey) -> String?
    func json(of deployment: DeploymentKey) -> [ObjectID: JSONValue]
    func changes() -> AsyncStream<NamespacedName>
    func run() async
}

extension Informer {
    /// Whether the first reading is under way and nothing is known to prevent it.
    var isBeingRead: Bool { !isSynced && failure == nil }
}

/// All of mlctl's objects of one type.
struct CachedInformer<Kind: ManagedKind>: Informer {
    typealias Object = ManagedObject<Kind>

    let cache: ObjectCache<Object>

    /// - Parameters:
    /// - namespace: nil for all.
    /// - takesOthers: includes the object with the type's only name even if mlctl did not create it.
    /// - isOptional: the definition may be missing. Then the error appears where the type is needed, not in the log.
    init(
        _ kind: Kind.Type = Kind.self, of api: KubernetesAPI, namespace: String?, takesOthers: Bool = false,
        isOptional: Bool = false, logger: Logger
    ) {
        var logger = logger
        if isOptional { logger.logLevel = .error }
        cache = ObjectCache(
            of: api,
            APIRequest.Selection(
                namespace: namespace, labelSelector: takesOthers ? nil : ObjectLabels.selector,
                fieldSelector: Kind.onlyName.map { "metadata.name=\($0)" }),
            isMetadataOnly: Kind.Detail.self == NoDetail.self,
            indexedLabels: [ObjectLabels.deployment, ObjectLabels.route, ObjectLabels.component], logger: logger)
    }

    var type: ResourceType { Kind.resource }
    var isSynced: Bool { cache.freshness.isSynced }
    var failure: APIError? { cache.freshness.error }
    /// When the server last said anything of the type; of the cache's stopwatch.
    var lastContactAt: Duration? { cache.freshness.lastContactAt }
    var allLive: [LiveObject] { cache.all.map(\.live) }

    func all(of deployment: DeploymentKey) -> [Object] {
        cache.all(label: ObjectLabels.deployment, value: deployment.name)
            .filter { $0.metadata.namespace == deployment.namespace }
    }

    func live(_ key: NamespacedName) -> LiveObject? { cache[key]?.live }

    func live(of deployment: DeploymentKey) -> [LiveObject] { all(of: deployment).map(\.live) }

    func sketch(of deployment: DeploymentKey) -> String? {
        all(of: deployment).lazy.compactMap { $0.metadata.annotations[ObjectAnnotations.plan] }.first
    }

    func json(of deployment: DeploymentKey) -> [ObjectID: JSONValue] {
        Dictionary(
            all(of: deployment).map { (ObjectID(type: type, key: $0.metadata.key), $0.detail.json ?? .object([:])) }
        ) { first, _ in first }
    }

    func changes() -> AsyncStream<NamespacedName> { cache.changes() }

    func run() async { await cache.run() }
}

/// The types that the backend watches.
struct ClusterInformers: Sendable {
    let pods: CachedInformer<PodKind>
    let workloads: CachedInformer<WorkloadKind>
    let configMaps: CachedInformer<ConfigMapKind>
    let proxyKeys: CachedInformer<ProxyKeyKind>
    /// All types that are applied: not pods and keys.
    let applied: [any Informer]
    /// Types whose definition may be missing.
    private let optional: Set<ResourceType>
    private let byType: [ResourceType: any Informer]

    init(
        _ api: KubernetesAPI, namespace: String? = nil, routers: [any ClusterRouter] = ClusterRouters.all,
        logger: Logger = Logger(label: "mlctl.cluster.cache")
    ) {
        pods = CachedInformer(of: api, namespace: namespace, logger: logger)
        workloads = CachedInformer(of: api, namespace: namespace, logger: logger)
        configMaps = CachedInformer(of: api, namespace: namespace, logger: logger)
        proxyKeys = CachedInformer(of: api, namespace: namespace, takesOthers: true, logger: logger)
        var applied: [any Informer] = [
            workloads, configMaps, CachedInformer<ServiceKind>(of: api, namespace: namespace, logger: logger),
            CachedInformer<DisruptionBudgetKind>(of: api, namespace: namespace, logger: logger),
        ]
        let optional = Set(routers.flatMap(\.needs).map(\.type))
        self.optional = optional
        for kind in routers.flatMap(\.kinds) where !applied.contains(where: { $0.type == kind.resource }) {
            applied.append(Self.view(kind, api, namespace, isOptional: optional.contains(kind.resource), logger))
        }
        self.applied = applied
        byType = Dictionary(applied.map { ($0.type, $0) }) { first, _ in first }
    }

    private static func view<Kind: ManagedKind>(
        _ kind: Kind.Type, _ api: KubernetesAPI, _ namespace: String?, isOptional: Bool, _ logger: Logger
    ) -> any Informer {
        let view = CachedInformer(kind, of: api, namespace: namespace, isOptional: isOptional, logger: logger)
        return isOptional ? LazyInformer(view, api: api, namespace: namespace) : view
    }

    subscript(_ type: ResourceType) -> (any Informer)? { byType[type] }

    var all: [any Informer] { applied + [pods, proxyKeys] }

    /// The types that must be known before anything is written: all that always exist, and those that the router needs. Keys are
    /// not among them: only the proxies' pods wait for keys.
    func needed(by router: any ClusterRouter) -> [any Informer] {
        let needs = Set(router.needs.map(\.type))
        return (applied + [pods]).filter { !optional.contains($0.type) || needs.contains($0.type) }
    }

    /// Types for which it is not known yet whether objects exist.
    var undecided: [any Informer] { applied.filter { ($0 as? LazyInformer)?.isDecided == false } }

    /// Starts to watch the types that the router needs.
    func want(_ router: any ClusterRouter) {
        for need in router.needs { (byType[need.type] as? LazyInformer)?.want() }
    }

    func live(_ id: ObjectID) -> LiveObject? { byType[id.type]?.live(id.key) }

    func live(of deployment: DeploymentKey) -> [LiveObject] { applied.flatMap { $0.live(of: deployment) } }
}

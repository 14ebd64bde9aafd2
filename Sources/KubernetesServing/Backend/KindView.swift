import KubernetesClient
import ModelManifests

/// What the backend reads of one type of objects; a cache behind it follows the API server.
protocol KindView: Sendable {
    var type: ResourceType { get }
    var isSynced: Bool { get }
    /// Why the API server cannot be asked for the type now.
    var failure: APIError? { get }
    func live(_ key: ObjectKey) -> LiveObject?
    func live(of deployment: DeploymentKey) -> [LiveObject]
    var allLive: [LiveObject] { get }
    /// The plan that a route carries.
    func sketch(of deployment: DeploymentKey) -> String?
    func json(of deployment: DeploymentKey) -> [ObjectID: JSONValue]
    func changes() -> AsyncStream<ObjectKey>
    func run() async
}

/// All of mlctl's objects of one type, of all namespaces.
struct CachedKind<Kind: ServedKind>: KindView {
    typealias Object = ServedObject<Kind>

    let cache: ObjectCache<Object>

    init(_ kind: Kind.Type = Kind.self, of api: KubernetesAPI) {
        cache = ObjectCache(
            of: api, APIRequest.Selection(labelSelector: ObjectLabels.selector),
            isMetadataOnly: Kind.Detail.self == NoDetail.self, indexedLabels: [ObjectLabels.deployment])
    }

    var type: ResourceType { Kind.resource }
    var isSynced: Bool { cache.freshness.isSynced }
    var failure: APIError? { cache.freshness.error }
    var allLive: [LiveObject] { cache.all.map(\.live) }

    func all(of deployment: DeploymentKey) -> [Object] {
        cache.all(label: ObjectLabels.deployment, value: deployment.name)
            .filter { $0.metadata.namespace == deployment.namespace }
    }

    func live(_ key: ObjectKey) -> LiveObject? { cache[key]?.live }

    func live(of deployment: DeploymentKey) -> [LiveObject] { all(of: deployment).map(\.live) }

    func sketch(of deployment: DeploymentKey) -> String? {
        all(of: deployment).lazy.compactMap { $0.metadata.annotations[ObjectAnnotations.plan] }.first
    }

    func json(of deployment: DeploymentKey) -> [ObjectID: JSONValue] {
        Dictionary(
            all(of: deployment).map { (ObjectID(type: type, key: $0.metadata.key), $0.detail.json ?? .object([:])) }
        ) { first, _ in first }
    }

    func changes() -> AsyncStream<ObjectKey> { cache.changes() }

    func run() async { await cache.run() }
}

/// The types that the backend follows.
struct ClusterViews: Sendable {
    let pods: CachedKind<PodKind>
    let workloads: CachedKind<WorkloadKind>
    let configMaps: CachedKind<ConfigMapKind>
    /// Whatever is applied, the above but pods included.
    let applied: [any KindView]
    private let byType: [ResourceType: any KindView]

    init(_ api: KubernetesAPI, routers: [any ClusterRouter] = ClusterRouters.all) {
        pods = CachedKind(of: api)
        workloads = CachedKind(of: api)
        configMaps = CachedKind(of: api)
        var applied: [any KindView] = [
            workloads, configMaps, CachedKind<ServiceKind>(of: api), CachedKind<DisruptionBudgetKind>(of: api),
        ]
        for kind in routers.flatMap(\.kinds) where !applied.contains(where: { $0.type == kind.resource }) {
            applied.append(Self.view(kind, api))
        }
        self.applied = applied
        byType = Dictionary(applied.map { ($0.type, $0) }) { first, _ in first }
    }

    private static func view<Kind: ServedKind>(_ kind: Kind.Type, _ api: KubernetesAPI) -> any KindView {
        CachedKind(kind, of: api)
    }

    subscript(_ type: ResourceType) -> (any KindView)? { byType[type] }

    var all: [any KindView] { applied + [pods] }

    func live(_ id: ObjectID) -> LiveObject? { byType[id.type]?.live(id.key) }

    func live(of deployment: DeploymentKey) -> [LiveObject] { applied.flatMap { $0.live(of: deployment) } }
}

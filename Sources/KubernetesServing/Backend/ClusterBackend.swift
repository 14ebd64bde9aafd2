import Foundation
import KubernetesClient
import Logging
import ModelManifests
import Serving

/// Makes serving plans true with the objects of a cluster.
///
/// What there is, caches know that follow the API server by watch; `run` must be running. A pass over what has not changed
/// asks the server nothing and writes nothing. Pods, their Services and the proxies go on without it.
public actor ClusterBackend: ServingBackend {
    public nonisolated let changes: AsyncStream<DeploymentKey>

    static let maximumBufferedChanges = 1 << 16
    /// For what is being read for the first time.
    static let firstReadLimit: Duration = .seconds(30)

    let api: KubernetesAPI
    let views: ClusterViews
    let owners: any DeploymentOwners
    let settings: ClusterServingSettings
    let recordKey: RecordKey?
    let pins: @Sendable (ModelSource) async throws -> Digest?
    let logger: Logger
    let clock: @Sendable () -> Duration
    private let changed: AsyncStream<DeploymentKey>.Continuation
    var ledger = WriteLedger()
    /// As last applied here.
    var plans: [DeploymentKey: ServingPlan] = [:]
    /// What is being written now: shared objects are wanted by many deployments at once.
    var underWay: Set<ObjectID> = []
    /// Container ports of all routes, also of those that caches do not show yet.
    var proxyPorts = ProxyPorts()
    /// The ports of routes that were there before this controller are known.
    var knowsPorts = false
    /// By namespace and router: it is the same for all deployments.
    var shared: [SharedKey: [WantedObject]] = [:]
    /// Keys of request ids that caches do not show yet.
    var madeKeys: [String: ProxyKey] = [:]

    struct SharedKey: Hashable {
        var namespace: String
        var router: KubernetesTarget.Router
        var proxyKey: String?
    }
    /// Who else writes a deployment's objects.
    var contests: [DeploymentKey: [ObjectID: String]] = [:]
    /// Who scaled an object, and what was added to it, while that is contested.
    var scalers: [ObjectID: String] = [:]
    var adders: [ObjectID: Additions] = [:]
    /// What others added and may keep.
    var additions: [DeploymentKey: [ObjectID: KnownAddition]] = [:]
    /// Whose an object is that caches do not show yet.
    var claims: [ObjectID: DeploymentKey] = [:]
    var silentPods = SilentPods()
    var silence = ServerSilence()
    var disruptions = Disruptions()
    /// What the proxies say that they do; nil: nobody asks them.
    private(set) var proxies: ProxyQuestion?
    /// Revisions that were retired, and whose pods are let go once they are idle.
    var releasing: [DeploymentKey: Set<Revision>] = [:]
    var releases: [DeploymentKey: Task<Void, Never>] = [:]
    /// Revisions of the plans in force that people may have asked for without a proxy.
    var previewed: [DeploymentKey: Set<Revision>] = [:]
    /// Whose an object was: one that is gone cannot be asked.
    private var belongings: [ObjectID: DeploymentKey] = [:]

    /// - Parameters:
    ///   - recordKey: seals the routes that the proxies follow; nil: they follow any.
    ///   - pins: the digest of what a mutable URI holds now; nil where it cannot be told from here.
    ///   - clock: rises; its zero means nothing.
    public init(
        api: KubernetesAPI, owners: (any DeploymentOwners)? = nil,
        settings: ClusterServingSettings = ClusterServingSettings(), recordKey: RecordKey? = nil,
        pins: @escaping @Sendable (ModelSource) async throws -> Digest? = { _ in nil },
        logger: Logger = Logger(label: "mlctl.cluster"),
        clock: @escaping @Sendable () -> Duration = ClusterBackend.uptime
    ) {
        self.api = api
        views = ClusterViews(api, namespace: settings.namespace, logger: logger)
        self.owners = owners ?? WatchedOwners(api)
        self.settings = settings
        self.recordKey = recordKey
        self.pins = pins
        self.logger = logger
        self.clock = clock
        (changes, changed) = AsyncStream.makeStream(
            of: DeploymentKey.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
    }

    public static var uptime: @Sendable () -> Duration {
        let start = ContinuousClock.now
        return { ContinuousClock.now - start }
    }

    public func pin(_ model: ModelSource) async throws -> Digest? { try await pins(model) }

    /// Follows the API server until its task is cancelled. Run it once.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.owners.run() }
            for view in views.all {
                let changes = view.changes()
                group.addTask { await view.run() }
                group.addTask { for await key in changes { await self.notice(key, in: view) } }
            }
            await group.waitForAll()
        }
        for release in releases.values { release.cancel() }
        changed.finish()
    }

    /// - Throws: `ClusterServingError`, transient, with the reason why the API server cannot be asked.
    public func waitUntilSynced(timeout: Duration) async throws {
        try await waitUntilSynced(views.all, timeout: timeout)
    }

    func waitUntilSynced(_ needed: [any KindView], timeout: Duration) async throws {
        let deadline = clock() + timeout
        while let missing = unsynced(of: needed) {
            guard clock() < deadline else { throw missing }
            try await Task.sleep(for: Self.syncLook)
        }
    }

    private static let syncLook = Duration.milliseconds(20)

    private func notice(_ key: ObjectKey, in view: any KindView) {
        let id = ObjectID(type: view.type, key: key)
        let live = view.live(key)
        if view.type == .secrets { madeKeys[key.namespace ?? ""] = nil }
        if !underWay.contains(id) { claims[id] = nil }
        if live == nil {
            if !underWay.contains(id) { ledger.forgetWrite(of: id) }
        } else if let deployment = live?.deployment {
            belongings[id] = deployment
            if view.type == .configMaps { notePort(of: deployment, key) }
        }
        if let deployment = belongings[id] {
            changed.yield(deployment)
            if live == nil {
                belongings[id] = nil
                if view.type == .configMaps, plans[deployment] == nil { proxyPorts[deployment] = nil }
            }
        } else if key.name == ObjectNames.proxy || view.type == .secrets, let namespace = key.namespace,
            let first = routes(in: namespace).first
        {
            // Whoever of the namespace comes first puts it right; its readiness is everybody's.
            if view.type == .deployments {
                for deployment in routes(in: namespace) { changed.yield(deployment) }
            } else {
                changed.yield(first)
            }
        }
    }

    /// Deployments of a namespace whose traffic the proxies split.
    func routes(in namespace: String) -> [DeploymentKey] {
        views.configMaps.cache.all(label: ObjectLabels.route, value: "true")
            .filter { $0.metadata.namespace == namespace }.compactMap { $0.live.deployment }.sorted()
    }

    // MARK: - Seeing

    public func deployments() async throws -> [DeploymentKey] {
        // No pass begins while something is still being read for the first time: its status would say so for a moment.
        let deadline = clock() + Self.firstReadLimit
        while views.all.contains(where: \.isBeingRead), clock() < deadline {
            try await Task.sleep(for: Self.syncLook)
        }
        let needed: [any KindView] = [views.workloads, views.configMaps]
        if let missing = unsynced(of: needed + views.all.filter(\.isBeingRead)) { throw missing }
        return Set(views.applied.flatMap(\.allLive).compactMap(\.deployment)).sorted()
    }

    /// What the proxies of a deployment's namespace do with its requests.
    /// - Parameter isAtRest: what they said some seconds ago is good enough.
    public typealias ProxyQuestion =
        @Sendable (_ deployment: DeploymentKey, _ isAtRest: Bool) async -> ProxiedTraffic

    /// From now on, what the proxies do is what they say, and no longer what the API server has for them.
    public func listen(toProxies proxies: @escaping ProxyQuestion) { self.proxies = proxies }

    public func observe(_ deployment: DeploymentKey) async throws -> Observation {
        await hearSilentPods(of: deployment)
        return try seen(deployment, await traffic(of: deployment))
    }

    /// Asked only where there are proxies that could answer. At rest, an answer of before will do as long as it fits.
    private func traffic(of deployment: DeploymentKey) async -> ProxiedTraffic? {
        let ready = readyProxies(in: deployment.namespace)
        guard let proxies, ready > 0, views.configMaps.cache[routeKey(of: deployment)] != nil else { return nil }
        if let plan = plans[deployment], plan.revisions.count == 1, let only = plan.revisions.first {
            let known = await proxies(deployment, true)
            let isWhole = known.agreed(by: ready) == [RouteReport.Share(revision: only.revision, percent: 100)]
            if isWhole || known.silence != nil { return known }
        }
        return await proxies(deployment, false)
    }

    private func routeKey(of deployment: DeploymentKey) -> ObjectKey {
        ObjectKey(namespace: deployment.namespace, name: ObjectNames.route(deployment))
    }

    private func readyProxies(in namespace: String) -> Int {
        let proxy = ObjectKey(namespace: namespace, name: ObjectNames.proxy)
        return views.workloads.cache[proxy]?.detail.status?.readyReplicas ?? 0
    }

    private func seen(_ deployment: DeploymentKey, _ traffic: ProxiedTraffic?) throws -> Observation {
        if let missing = unsynced(of: [views.workloads, views.pods, views.configMaps] + views.undecided) {
            throw missing
        }
        let sketch = views.applied.lazy.compactMap { $0.sketch(of: deployment) }.first
        let read = AnnotationJSON.value(PlanSketch.self, sketch)
        let readyProxies = readyProxies(in: deployment.namespace)
        let pods = views.pods.all(of: deployment)
        disruptions.note(pods.map { PodReading($0) }, of: deployment, now: clock())
        let observation = ClusterObservation(
            deployment: deployment, router: Self.router(plans[deployment]?.target ?? read?.target ?? .local),
            pods: pods, workloads: views.workloads.all(of: deployment),
            readyProxies: readyProxies,
            objects: views.applied.reduce(into: [:]) { all, view in
                all.merge(view.json(of: deployment)) { first, _ in first }
            },
            plan: plans[deployment], sketch: read,
            proxyTrouble: readyProxies > 0 ? nil : proxyTrouble(in: deployment.namespace),
            said: silentPods.heard(of: deployment), disrupted: disruptions.reasons(of: deployment, now: clock()),
            traffic: traffic, problems: problems(of: deployment))
        return observation.observation
    }

    private func problems(of deployment: DeploymentKey) -> [String] {
        let away = Set(
            [views.workloads.failure, views.pods.failure].compactMap { error in
                error.map { ClusterServingError($0, about: "the cluster cannot be followed").message }
            })
        let contested = (contests[deployment] ?? [:]).values.sorted()
        let added = (additions[deployment] ?? [:]).values.compactMap(\.text).sorted()
        return away.sorted() + contested + added
    }

    /// Which have never been read whole, and why the first has not.
    func unsynced(of needed: [any KindView]) -> ClusterServingError? {
        let missing = needed.filter { !$0.isSynced && $0.failure?.isMissingResource != true }
        guard let first = missing.first(where: { $0.failure != nil }) ?? missing.first else { return nil }
        let plurals = Set(missing.map(\.type.plural)).sorted().joined(separator: ", ")
        let what = "the cluster's \(plurals) are not known yet"
        return ClusterServingError(
            .notSynced,
            first.failure.map { ClusterServingError($0, about: what).message } ?? "\(what): they are being read.",
            retry: .transient)
    }

    static func router(_ target: Target) -> any ClusterRouter {
        ClusterRouters.router(kind(target))
    }

    static func kind(_ target: Target) -> KubernetesTarget.Router {
        if case .kubernetes(let kubernetes) = target { kubernetes.router } else { .proxy }
    }

    // MARK: - For readings

    /// Where the proxies of a namespace tell what they count: `host:port` by pod.
    public func proxies(in namespace: String) -> [String: String] {
        let pods = views.pods.cache.all(
            label: ObjectLabels.component, value: ObjectLabels.Component.proxy.rawValue)
        return Dictionary(
            pods.compactMap { pod -> (String, String)? in
                guard pod.metadata.namespace == namespace, PodReading(pod).isReady,
                    let host = pod.detail.status?.podIP, !host.isEmpty
                else { return nil }
                let address = host.contains(":") ? "[\(host)]" : host
                return (pod.metadata.name, "\(address):\(ProxyRendering.controlPort)")
            }
        ) { first, _ in first }
    }
}

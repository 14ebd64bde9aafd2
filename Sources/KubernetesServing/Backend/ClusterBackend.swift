import Foundation
import KubernetesClient
import Logging
import ModelManifests
import SafeText
import Serving

/// Applies serving plans to a cluster.
///
/// It knows the cluster from caches that watch the API server; `run` must be running. A pass in which nothing has changed sends
/// no request. Pods, their Services and the proxies keep working without the backend.
package actor ClusterBackend: ServingBackend {
    package nonisolated let changes: AsyncStream<DeploymentKey>

    static let maximumBufferedChanges = 1 << 16
    /// How long the first reading of a type may delay a pass.
    static let firstReadLimit: Duration = .seconds(30)

    let api: KubernetesAPI
    let views: ClusterInformers
    let owners: any DeploymentOwners
    let settings: ClusterServingSettings
    let recordKey: RecordKey?
    let pins: @Sendable (ModelSource) async throws -> Digest?
    let logger: Logger
    let clock: @Sendable () -> Duration
    private let changed: AsyncStream<DeploymentKey>.Continuation
    var ledger = WriteLedger()
    /// The plans as this backend last applied them.
    var plans: [DeploymentKey: ServingPlan] = [:]
    /// Objects that are being written now: many deployments want the shared objects at once.
    var underWay: Set<ObjectID> = []
    /// The container ports of all routes, including those that caches do not show yet.
    var proxyPorts = ProxyPorts()
    /// Whether the ports of routes that existed before this controller have been read.
    var knowsPorts = false
    /// By namespace and router: the shared objects are the same for all deployments.
    var shared: [SharedKey: [WantedObject]] = [:]
    /// Keys of request ids that the caches do not show yet.
    var madeKeys: [String: ProxyKey] = [:]

    struct SharedKey: Hashable {
        var namespace: String
        var router: KubernetesTarget.Router
        var proxyKey: String?
    }
    /// Messages about other writers of a deployment's objects.
    var contests: [DeploymentKey: [ObjectID: String]] = [:]
    /// Who scaled an object and what was added to it, while others keep changing it.
    var scalers: [ObjectID: String] = [:]
    var adders: [ObjectID: Additions] = [:]
    /// Fields that others added and that may stay.
    var additions: [DeploymentKey: [ObjectID: ReportedAddition]] = [:]
    /// The owners of objects that the caches do not show yet.
    var claims: [ObjectID: DeploymentKey] = [:]
    var silentPods = UnexplainedPods()
    var silence = ServerSilence()
    var disruptions = Disruptions()
    /// Asks the proxies what they do; nil: nobody asks them.
    private(set) var proxies: ProxyQuestion?
    /// Retired revisions whose pods may end once they are idle.
    var releasing: [DeploymentKey: Set<Revision>] = [:]
    var releases: [DeploymentKey: Task<Void, Never>] = [:]
    /// Revisions in the current plans that people may have reached without a proxy.
    var previewed: [DeploymentKey: Set<Revision>] = [:]
    /// The owner of each object: a deleted object no longer says it.
    private var belongings: [ObjectID: DeploymentKey] = [:]

    /// - Parameters:
    /// - recordKey: seals the routes that the proxies follow; nil: they follow any route.
    /// - pins: the current digest of a mutable URI; nil if it cannot be determined here.
    /// - clock: monotonic; its zero has no meaning.
    package init(
        api: KubernetesAPI, owners: (any DeploymentOwners)? = nil,
        settings: ClusterServingSettings = ClusterServingSettings(), recordKey: RecordKey? = nil,
        pins: @escaping @Sendable (ModelSource) async throws -> Digest? = { _ in nil },
        logger: Logger = Logger(label: "mlctl.cluster"),
        clock: @escaping @Sendable () -> Duration = ClusterBackend.uptime
    ) {
        self.api = api
        views = ClusterInformers(api, namespace: settings.namespace, logger: logger)
        self.owners = owners ?? CachedOwners(api)
        self.settings = settings
        self.recordKey = recordKey
        self.pins = pins
        self.logger = logger
        self.clock = clock
        (changes, changed) = AsyncStream.makeStream(
            of: DeploymentKey.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
    }

    package static var uptime: @Sendable () -> Duration {
        let start = ContinuousClock.now
        return { ContinuousClock.now - start }
    }

    package func pin(_ model: ModelSource) async throws -> Digest? { try await pins(model) }

    /// Watches the API server until its task is cancelled. Run it once.
    package func run() async {
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

    /// - Throws: `ClusterServingError`, transient, with the reason why the API server cannot be reached.
    package func waitUntilSynced(timeout: Duration) async throws {
        try await waitUntilSynced(views.all, timeout: timeout)
    }

    func waitUntilSynced(_ needed: [any Informer], timeout: Duration) async throws {
        let deadline = clock() + timeout
        while let missing = unsynced(of: needed) {
            guard clock() < deadline else { throw missing }
            try await Task.sleep(for: Self.syncLook)
        }
    }

    private static let syncLook = Duration.milliseconds(20)

    private func notice(_ key: NamespacedName, in view: any Informer) {
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
            // Shared objects are restored by the first deployment of the namespace. The proxies' readiness concerns all
            // deployments.
            if view.type == .deployments {
                for deployment in routes(in: namespace) { changed.yield(deployment) }
            } else {
                changed.yield(first)
            }
        }
    }

    /// The deployments of a namespace whose traffic the proxies split.
    func routes(in namespace: String) -> [DeploymentKey] {
        views.configMaps.cache.all(label: ObjectLabels.route, value: "true")
            .filter { $0.metadata.namespace == namespace }.compactMap { $0.live.deployment }.sorted()
    }

    // MARK: - Seeing

    package func deployments() async throws -> [DeploymentKey] {
        // Wait while a type is being read for the first time: otherwise the status would report it for a moment.
        let deadline = clock() + Self.firstReadLimit
        while views.all.contains(where: \.isBeingRead), clock() < deadline {
            try await Task.sleep(for: Self.syncLook)
        }
        let needed: [any Informer] = [views.workloads, views.configMaps]
        if let missing = unsynced(of: needed + views.all.filter(\.isBeingRead)) { throw missing }
        return Set(views.applied.flatMap(\.allLive).compactMap(\.deployment)).sorted()
    }

    /// Asks the proxies of a deployment's namespace what they do with its requests.
    /// - Parameter isAtRest: an answer that is some seconds old is good enough.
    package typealias ProxyQuestion =
        @Sendable (_ deployment: DeploymentKey, _ isAtRest: Bool) async -> ProxiedTraffic

    /// From now on traffic is observed from the proxies' answers instead of the routes in the API server.
    package func listen(toProxies proxies: @escaping ProxyQuestion) { self.proxies = proxies }

    package func observe(_ deployment: DeploymentKey) async throws -> Observation {
        await readEventsOfUnexplainedPods(of: deployment)
        return try seen(deployment, await traffic(of: deployment))
    }

    /// Asks only if some proxies can answer. At rest an earlier answer is enough, as long as it matches the plan.
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

    private func routeKey(of deployment: DeploymentKey) -> NamespacedName {
        NamespacedName(namespace: deployment.namespace, name: ObjectNames.route(deployment))
    }

    private func readyProxies(in namespace: String) -> Int {
        let proxy = NamespacedName(namespace: namespace, name: ObjectNames.proxy)
        return views.workloads.cache[proxy]?.detail.status?.readyReplicas ?? 0
    }

    private func seen(_ deployment: DeploymentKey, _ traffic: ProxiedTraffic?) throws -> Observation {
        if let missing = unsynced(of: [views.workloads, views.pods, views.configMaps] + views.undecided) {
            throw missing
        }
        let sketch = views.applied.lazy.compactMap { $0.sketch(of: deployment) }.first
        let read = AnnotationJSON.value(PlanOutline.self, sketch)
        let readyProxies = readyProxies(in: deployment.namespace)
        let pods = views.pods.all(of: deployment)
        disruptions.note(pods.map { PodObservation($0) }, of: deployment, now: clock())
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
                error.map { ClusterServingError($0, about: "the cluster cannot be watched").message }
            })
        let contested = (contests[deployment] ?? [:]).values.sorted()
        let added = (additions[deployment] ?? [:]).values.compactMap(\.text).sorted()
        return away.sorted() + contested + added
    }

    /// The types that were never read completely, with the reason for the first.
    func unsynced(of needed: [any Informer]) -> ClusterServingError? {
        let missing = needed.filter { !$0.isSynced && $0.failure?.isMissingResource != true }
        guard let first = missing.first(where: { $0.failure != nil }) ?? missing.first else { return nil }
        let plurals = Set(missing.map(\.type.plural)).sorted().joined(separator: ", ")
        let what = "the cluster's \(plurals) are not known yet"
        return ClusterServingError(
            .notSynced,
            first.failure.map { ClusterServingError($0, about: what).message } ?? "\(what): they are being read.")
    }

    static func router(_ target: Target) -> any ClusterRouter {
        ClusterRouters.router(kind(target))
    }

    static func kind(_ target: Target) -> KubernetesTarget.Router {
        if case .kubernetes(let kubernetes) = target { kubernetes.router } else { .proxy }
    }

    // MARK: - For readings

    /// The addresses at which a namespace's proxies report their counters: `host:port` by pod.
    package func proxies(in namespace: String) -> [String: String] {
        let pods = views.pods.cache.all(
            label: ObjectLabels.component, value: ObjectLabels.Component.proxy.rawValue)
        return Dictionary(
            pods.compactMap { pod -> (String, String)? in
                guard pod.metadata.namespace == namespace, PodObservation(pod).isReady,
                    let host = pod.detail.status?.podIP, !host.isEmpty
                else { return nil }
                return (pod.metadata.name, Escape.authority(host, ProxyRendering.controlPort))
            }
        ) { first, _ in first }
    }
}

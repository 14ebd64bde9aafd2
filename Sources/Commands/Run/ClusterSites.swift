import ArgumentParser
import ControlPorts
import Controller
import Foundation
import GitSource
import Journal
import KubernetesClient
import KubernetesServing
import Logging
import MetricSources
import ModelManifests
import Rollouts

/// The clusters of a controller, opened from its settings.
struct ClusterSites {
    /// The cluster of the controller's own pod.
    static let ownCluster = "in-cluster"
    static let eventController = "mlctl.dev/controller"

    private struct Member {
        var settings: ClusterSettings
        /// The namespace of the context or of the pod.
        var namespace: String?
        var api: KubernetesAPI
        var backend: ClusterBackend
        var counters: ClusterProxyCounters
        var store: ClusterStore
        var events: EventRecorder
        var checks: ClusterChecks
    }

    private let members: [Member]
    private let isPod: Bool
    let servesLocally: Bool

    /// Reads all required credentials; sends no request yet.
    /// - Throws: `ValidationError` where the settings are invalid.
    static func open(
        _ settings: RunSettings, environment: [String: String], archive: JournalStore,
        now: @escaping @Sendable () -> Date, logger: Logger
    ) throws -> ClusterSites {
        let isPod = ClusterConnection.isPod(environment)
        do {
            let members = try clusters(settings, isPod: isPod).map {
                try open(
                    $0, settings, isPod: isPod, environment: environment, archive: archive, now: now, logger: logger)
            }
            return ClusterSites(
                members: members, isPod: isPod, servesLocally: !isPod && !settings.servesNothingLocally)
        } catch let error as APIError {
            throw ValidationError(error.message)
        }
    }

    /// The clusters of the settings, and the pod's own cluster.
    static func clusters(_ settings: RunSettings, isPod: Bool) -> [ClusterSettings] {
        let isNamed = settings.clusters.contains { $0.name == ownCluster }
        return settings.clusters + (isPod && !isNamed ? [ClusterSettings(name: ownCluster)] : [])
    }

    private static func open(
        _ cluster: ClusterSettings, _ settings: RunSettings, isPod: Bool, environment: [String: String],
        archive: JournalStore,
        now: @escaping @Sendable () -> Date, logger: Logger
    ) throws -> Member {
        let connection = try cluster.connection(environment: environment)
        let api = KubernetesAPI(transport: try HTTPTransport(connection))
        let events = EventRecorder(
            api, controller: eventController, instance: ProcessInfo.processInfo.hostName, logger: logger)
        let recordKey = RecordKey(
            api, in: ownNamespace(settings, in: cluster, connection, isPod: isPod), controller: settings.name,
            logger: logger)
        let store = ClusterStore(
            api: api,
            identity: RegisterIdentity(
                controller: settings.name, source: settings.sourceIdentity),
            namespace: cluster.namespace, recordKey: recordKey, adoptsRecords: settings.adoptsRecords, archive: archive,
            tellEvent: { event, owner, deployment in
                events.record(KubernetesEvent(event, of: deployment, owner), at: event.at)
            },
            now: now, logger: logger)
        let serving = serving(settings, in: cluster, isPod: isPod)
        let backend = ClusterBackend(api: api, owners: store, settings: serving, recordKey: recordKey, logger: logger)
        let counters = ClusterProxyCounters { namespace in
            await backend.proxies(in: namespace).map { ProxyPod(name: $0, address: $1) }
        }
        return Member(
            settings: cluster, namespace: connection.namespace, api: api, backend: backend, counters: counters,
            store: store, events: events,
            checks: ClusterChecks(api: api, owners: store, settings: serving, logger: logger))
    }

    /// The namespace of the controller's own objects in a cluster. `--namespace` applies to the controller's own cluster only.
    static func ownNamespace(
        _ settings: RunSettings, in cluster: ClusterSettings, _ connection: ClusterConnection, isPod: Bool
    ) -> String {
        let named = isPod && cluster.name != ownCluster ? nil : settings.namespace
        return named ?? connection.namespace ?? cluster.namespace ?? "default"
    }

    static func serving(
        _ settings: RunSettings, in cluster: ClusterSettings, isPod: Bool
    ) -> ClusterServingSettings {
        var serving = settings.serving
        serving.namespace = cluster.namespace
        // These peers name namespaces and pods of the controller's own cluster. In another cluster they would lock it out.
        if isPod, cluster.name != ownCluster { serving.proxyControlFrom = [] }
        return serving
    }

    func directory(with local: Site?) -> SiteDirectory {
        let sites = members.map { member in
            (
                member.settings.name,
                Site(
                    backend: member.backend, store: member.store, metrics: member.counters,
                    logs: ClusterLogs(api: member.api), register: member.store, checks: member.checks,
                    requestIdKey: { try await member.backend.requestIdKey(in: $0) })
            )
        }
        return SiteDirectory(
            local: local, clusters: Dictionary(sites) { first, _ in first },
            defaultCluster: isPod ? Self.ownCluster : nil)
    }

    /// - Returns: nil without --leader-elect.
    /// - Throws: `ValidationError` where no cluster is configured for the lease.
    func leadership(
        _ settings: RunSettings, environment: [String: String], logger: Logger
    ) throws -> LeaseLeadership? {
        guard settings.electsLeader else { return nil }
        let home = isPod ? members.first { $0.settings.name == Self.ownCluster } : members.first
        guard let home else {
            throw ValidationError("--leader-elect needs a cluster for its lease: add one under 'clusters'")
        }
        let key = NamespacedName(namespace: settings.namespace ?? home.namespace ?? "default", name: settings.name)
        var label: LeaderLabel?
        if isPod, let name = environment["POD_NAME"], let namespace = environment["POD_NAMESPACE"], !name.isEmpty {
            label = LeaderLabel(home.api, pod: NamespacedName(namespace: namespace, name: name), logger: logger)
        }
        return LeaseLeadership(
            LeaseElector(home.api, lease: key, identity: ProcessInfo.processInfo.hostName, logger: logger),
            label: label)
    }

    /// Follows all clusters until its task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for member in members {
                let counters = member.counters
                await member.backend.listen { await counters.traffic(of: $0, isAtRest: $1) }
                group.addTask { await member.backend.run() }  // Also runs the store's watch, which knows the owners.
                group.addTask { await member.events.run() }
                group.addTask { await member.checks.run() }
            }
            // Without any cluster the service keeps running too.
            let (end, ended) = AsyncStream.makeStream(of: Void.self)
            await withTaskCancellationHandler {
                for await _ in end {}
            } onCancel: {
                ended.finish()
            }
            group.cancelAll()
        }
    }
}

/// The controller's part in the election of a leader by a Lease.
struct LeaseLeadership: Leadership {
    private let elector: LeaseElector
    let changes: AsyncStream<Bool>
    /// The label on the controller's own pod; nil outside a pod.
    private let label: LeaderLabel?

    init(_ elector: LeaseElector, label: LeaderLabel? = nil) {
        self.elector = elector
        self.label = label
        changes = elector.changes()
    }

    func run() async {
        await withTaskGroup(of: Void.self) { group in
            if let label { group.addTask { await label.follow(elector.changes()) } }
            await elector.run()
            group.cancelAll()
        }
    }

    /// The address of this controller's API, for controllers on standby.
    func advertise(_ api: String) { elector.advertise(api) }
    var isLeading: Bool { elector.isLeading }
    /// Only the name: the part that distinguishes two holders with the same name is not for people.
    var leader: String? { elector.observedHolder.map { String($0.prefix { $0 != "_" }) } }
    var anotherLeads: Bool { elector.observedHolder.map { $0 != elector.holder } ?? false }
    var leaderAPI: String? { elector.observedAPI }
    var problem: String? { elector.failure.map { "the lease cannot be read or written: \($0)" } }
}

extension KubernetesEvent {
    /// The event of a decision, about the deployment's ModelDeployment.
    init(_ event: RolloutEvent, of deployment: DeploymentKey, _ owner: OwnerReference) {
        let word = event.kind.rawValue.prefix(1).uppercased() + event.kind.rawValue.dropFirst()
        self.init(
            regarding: Reference(
                .modelDeployments,
                ObjectMetadata(name: owner.name, namespace: deployment.namespace, uid: owner.uid)),
            kind: event.kind.isTrouble ? .warning : .normal, reason: word, action: word, note: event.message)
    }
}

extension RolloutEvent.Kind {
    /// Events that somebody should look at.
    fileprivate var isTrouble: Bool {
        switch self {
        case .gateWarned, .gateFailed, .rollingBack, .rolledBack, .aborted, .quarantined, .stuck, .failed, .degraded,
            .warning, .instanceEjected:
            true
        case .deployed, .rolloutStarted, .stepStarted, .gatePassed, .paused, .resumed, .approved, .promoting, .promoted,
            .probationStarted, .probationEnded, .superseded, .retried, .suspended, .unsuspended, .recovered, .available,
            .removed, .instanceReturned:
            false
        }
    }
}

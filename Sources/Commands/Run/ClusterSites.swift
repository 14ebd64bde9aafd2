import ArgumentParser
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

/// The clusters that a controller works with, from its settings to its sites.
struct ClusterSites {
    /// The cluster of the controller's own pod.
    static let ownCluster = "in-cluster"
    static let eventController = "mlctl.dev/controller"

    private struct Member {
        var settings: ClusterSettings
        /// Of the context, or of the pod.
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

    /// Reads all credentials that have to be there; asks no server yet.
    /// - Throws: `ValidationError` for settings that cannot be right.
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

    /// Those of the settings, and the pod's own.
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

    /// Where the controller has objects of its own in a cluster. One that is named is that of the controller's own cluster.
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
        // Namespaces and pods that are named are those of the controller's own cluster: elsewhere it would be shut out.
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

    /// - Returns: nil where nobody asked for an election.
    /// - Throws: `ValidationError` where there is no cluster to hold it in.
    func leadership(
        _ settings: RunSettings, environment: [String: String], logger: Logger
    ) throws -> LeaseLeadership? {
        guard settings.electsLeader else { return nil }
        let home = isPod ? members.first { $0.settings.name == Self.ownCluster } : members.first
        guard let home else {
            throw ValidationError("--leader-elect needs a cluster for its lease: name one under 'clusters'")
        }
        let key = ObjectKey(namespace: settings.namespace ?? home.namespace ?? "default", name: settings.name)
        var label: LeaderLabel?
        if isPod, let name = environment["POD_NAME"], let namespace = environment["POD_NAMESPACE"], !name.isEmpty {
            label = LeaderLabel(home.api, pod: ObjectKey(namespace: namespace, name: name), logger: logger)
        }
        return LeaseLeadership(
            LeaseElector(home.api, lease: key, identity: ProcessInfo.processInfo.hostName, logger: logger),
            label: label)
    }

    /// Follows all of them until its task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for member in members {
                let counters = member.counters
                await member.backend.listen { await counters.traffic(of: $0, isAtRest: $1) }
                group.addTask { await member.backend.run() }  // The store's watch too: it knows the owners.
                group.addTask { await member.events.run() }
                group.addTask { await member.checks.run() }
            }
            // Where there is none, the service goes on nevertheless.
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

/// A Lease, as the controller takes part in it.
struct LeaseLeadership: Leadership {
    private let elector: LeaseElector
    let changes: AsyncStream<Bool>
    /// Of its own pod; nil where it is none.
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

    /// Where this controller's API answers, for those who stand by.
    func advertise(_ api: String) { elector.advertise(api) }
    var isLeading: Bool { elector.isLeading }
    /// The name alone: what tells two of the same name apart is not for people.
    var leader: String? { elector.observedHolder.map { String($0.prefix { $0 != "_" }) } }
    var anotherLeads: Bool { elector.observedHolder.map { $0 != elector.holder } ?? false }
    var leaderAPI: String? { elector.observedAPI }
    var problem: String? { elector.failure.map { "the lease cannot be read or written: \($0)" } }
}

extension KubernetesEvent {
    /// What was decided about a deployment, said of its ModelDeployment.
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
    /// What somebody should look at.
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

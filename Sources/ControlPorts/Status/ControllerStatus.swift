import Analysis
import Foundation
import ModelManifests
import Rollouts

/// The status that `mlctl status -o json` prints and `GET /api/v1/deployments` returns. Other programs depend on these names.
package struct ControllerStatus: Hashable, Codable, Sendable {
    package var sources: [SourceStatus]
    /// The sites that serve deployments, and whether they can be reached now.
    package var sites: [SiteStatus]
    package var deployments: [DeploymentStatus]

    package init(
        sources: [SourceStatus] = [], sites: [SiteStatus] = [], deployments: [DeploymentStatus] = []
    ) {
        self.sources = sources
        self.sites = sites
        self.deployments = deployments
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        sources = try fields.decode([SourceStatus].self, forKey: .sources)
        sites = try fields.decodeIfPresent([SiteStatus].self, forKey: .sites) ?? []
        deployments = try fields.decode([DeploymentStatus].self, forKey: .deployments)
    }
}

/// The status of a site. If it cannot be reached, everything shown about its deployments is the last known state.
package struct SiteStatus: Hashable, Codable, Sendable {
    package var name: String
    package var reachable: Bool
    /// Since when `reachable` has had its value.
    package var since: Date
    /// Why it cannot be reached; null if it can.
    @Nullable package var reason: String?

    package init(name: String, reachable: Bool, since: Date, reason: String? = nil) {
        self.name = name
        self.reachable = reachable
        self.since = since
        self.reason = reason
    }
}

package struct SourceStatus: Hashable, Codable, Sendable {
    /// The project whose manifests it holds; null from a controller without projects.
    @Nullable package var project: String?
    package var repo: String
    package var branch: String
    /// The folder of the repository that is read; left out by an older controller.
    package var path: String?
    /// The commit in force; null before the first fetch.
    @Nullable package var commit: String?
    @Nullable package var fetchedAt: Date?
    /// Why the last check failed, and what to do; null if it succeeded.
    @Nullable package var error: String?
    /// The problems of its manifests, with their places.
    package var diagnostics: [Diagnostic]
    /// In the answer to `sync`: the number of changed deployments that have not had their pass yet. Left out if there are none.
    package var awaited: Int?
    /// The number of further problems that `diagnostics` does not list. Left out if all are listed.
    package var diagnosticsLeftOut: Int?
    /// How much of its limits the project uses. Left out if it has no limits.
    package var limits: [LimitUsage]?
    /// The last delivery of a git server. Left out for a project without `webhooks`, and before the first.
    package var delivery: HookDeliveryStatus?

    package init(
        project: String? = Project.defaultName, repo: String, branch: String, commit: String? = nil,
        fetchedAt: Date? = nil, error: String? = nil, diagnostics: [Diagnostic] = [], awaited: Int? = nil,
        path: String? = nil
    ) {
        self.path = path
        self.project = project
        self.awaited = awaited
        self.repo = repo
        self.branch = branch
        self.commit = commit
        self.fetchedAt = fetchedAt
        self.error = error
        self.diagnostics = diagnostics
    }
}

/// A delivery that came to the hook for git servers.
package struct HookDeliveryStatus: Hashable, Codable, Sendable {
    package var at: Date
    /// The kind of server: `GitHub`.
    package var sender: String
    /// Its own id; left out if it has none, or if its sender is not known.
    package var id: String?
    /// Whether its sender knows the project's secret.
    package var isAccepted: Bool
    /// What became of it.
    package var outcome: String

    private enum CodingKeys: String, CodingKey {
        case at, sender, id, outcome
        case isAccepted = "accepted"
    }

    package init(at: Date, sender: String, id: String?, isAccepted: Bool, outcome: String) {
        (self.at, self.sender, self.id, self.isAccepted, self.outcome) = (at, sender, id, isAccepted, outcome)
    }
}

package struct DeploymentStatus: Hashable, Codable, Sendable {
    package var namespace: String
    package var name: String
    /// The project that the deployment belongs to; null if that project is not in the settings any more.
    @Nullable package var project: String?
    package var phase: Phase
    package var since: Date
    package var message: String
    /// What it waits for, as text; `waiting` has the details.
    @Nullable package var waitingFor: String?
    @Nullable package var waiting: WaitStatus?
    @Nullable package var deadlineAt: Date?
    @Nullable package var endpoint: String?
    /// The address at which the candidate can be tried.
    @Nullable package var preview: String?
    @Nullable package var desired: DesiredStatus?
    @Nullable package var stable: RevisionStatus?
    @Nullable package var candidate: RevisionStatus?
    @Nullable package var step: StepStatus?
    package var gates: [GateSummary]
    /// For the rollout in flight: whether requests are split as intended. Left out before any requests were split.
    package var split: SplitSummary?
    /// For all its rollouts in which stable was compared with itself. Left out if there were none.
    package var selfCheck: SelfCheckSummary?
    package var quarantined: [QuarantineStatus]
    /// Revisions that `mlctl rollback` passes over, though git may ask for them: they were aborted, or taken back, when they
    /// were on their way last. Left out where there are none.
    package var passedOver: [QuarantineStatus]?
    package var conditions: [Condition]
    /// At most `instanceLimit` instances; those with problems come first.
    @Listed package var instances: [InstanceStatus]
    /// Since when everything that should serve has been serving; null if something does not.
    @Nullable package var availableSince: Date?
    /// Since when something that should serve has not been serving; null if everything does.
    @Nullable package var degradedSince: Date?
    /// After a rollback or an abort, and during one: the version that was left. Left out if there is none.
    package var leftVersion: String?
    /// The number of requests that were cut off because they outlasted their drain, since the data plane started to count. Left
    /// out if there were none.
    package var cutRequests: Int?
    /// The number of connections that no instance accepted, since the data plane started to count. Left out if there were none.
    package var refusedConnections: Int?
    /// When it was last observed, if it cannot be observed now. Everything else is as it was then. Left out if it can be
    /// observed.
    package var lastSeenAt: Date?

    package static let instanceLimit = 50

    package init(
        namespace: String, name: String, phase: Phase, since: Date, message: String, waitingFor: String? = nil,
        deadlineAt: Date? = nil, endpoint: String? = nil, preview: String? = nil, desired: DesiredStatus? = nil,
        stable: RevisionStatus? = nil, candidate: RevisionStatus? = nil, step: StepStatus? = nil,
        gates: [GateSummary] = [], quarantined: [QuarantineStatus] = [], passedOver: [QuarantineStatus]? = nil,
        conditions: [Condition] = [],
        waiting: WaitStatus? = nil, instances: [InstanceStatus] = [], availableSince: Date? = nil,
        degradedSince: Date? = nil, leftVersion: String? = nil, cutRequests: Int? = nil,
        refusedConnections: Int? = nil, lastSeenAt: Date? = nil, split: SplitSummary? = nil,
        selfCheck: SelfCheckSummary? = nil, project: String? = Project.defaultName
    ) {
        self.project = project
        self.namespace = namespace
        self.name = name
        self.phase = phase
        self.since = since
        self.message = message
        self.waitingFor = waitingFor
        self.deadlineAt = deadlineAt
        self.endpoint = endpoint
        self.preview = preview
        self.desired = desired
        self.stable = stable
        self.candidate = candidate
        self.step = step
        self.gates = gates
        self.quarantined = quarantined
        self.passedOver = passedOver
        self.conditions = conditions
        self.waiting = waiting
        self.instances = instances
        self.availableSince = availableSince
        self.degradedSince = degradedSince
        self.leftVersion = leftVersion
        self.cutRequests = cutRequests
        self.refusedConnections = refusedConnections
        self.lastSeenAt = lastSeenAt
        self.split = split
        self.selfCheck = selfCheck
    }

    package func condition(_ type: Condition.Kind) -> Condition? { conditions.first { $0.type == type.rawValue } }
}

package struct DesiredStatus: Hashable, Codable, Sendable {
    package var revision: Revision
    package var version: String
    package var commit: String

    package init(revision: Revision, version: String, commit: String) {
        self.revision = revision
        self.version = version
        self.commit = commit
    }
}

package struct RevisionStatus: Hashable, Codable, Sendable {
    package var revision: Revision
    package var version: String
    package var weight: Int
    package var replicas: Int
    package var ready: Int
    /// Restarts of all current instances together. Left out if there were none.
    package var restarts: Int?
    /// The number of ejected instances. Left out if there are none.
    package var ejected: Int?
    /// Requests that were meant for the revision but that none of its instances could take, in the last rollout under judgement.
    /// Left out if there were none.
    package var unavailable: Int?
    /// Requests to the revision whose clients gave up before the answer, in the last rollout under judgement. Left out if there
    /// were none.
    package var abandoned: Int?
    /// The progress of instances that do not serve yet, such as `1 fetching, 2 starting`. Left out if all serve.
    package var progress: String?
    /// CPU seconds of the current instances, since this controller started to measure them. Left out if it is not measured.
    package var cpuSeconds: Double?
    /// Resident bytes of all current instances together. Left out if it is not measured.
    package var memoryBytes: Int?

    package init(
        revision: Revision, version: String, weight: Int, replicas: Int, ready: Int, restarts: Int? = nil,
        ejected: Int? = nil, unavailable: Int? = nil, abandoned: Int? = nil, progress: String? = nil,
        cpuSeconds: Double? = nil, memoryBytes: Int? = nil
    ) {
        self.revision = revision
        self.version = version
        self.weight = weight
        self.replicas = replicas
        self.ready = ready
        self.restarts = restarts
        self.ejected = ejected
        self.unavailable = unavailable
        self.abandoned = abandoned
        self.progress = progress
        self.cpuSeconds = cpuSeconds
        self.memoryBytes = memoryBytes
    }
}

package struct StepStatus: Hashable, Codable, Sendable {
    /// Starts at 0.
    package var index: Int
    package var count: Int
    package var description: String

    package init(index: Int, count: Int, description: String) {
        self.index = index
        self.count = count
        self.description = description
    }
}

package struct QuarantineStatus: Hashable, Codable, Sendable {
    package var revision: Revision
    package var version: String
    package var reason: String
    package var at: Date

    package init(revision: Revision, version: String, reason: String, at: Date) {
        self.revision = revision
        self.version = version
        self.reason = reason
        self.at = at
    }
}

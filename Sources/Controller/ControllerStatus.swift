import Analysis
import Foundation
import ModelManifests
import Rollouts

/// What `mlctl status -o json` prints and `GET /api/v1/deployments` answers. Others depend on these names.
public struct ControllerStatus: Hashable, Codable, Sendable {
    public var sources: [SourceStatus]
    /// Where deployments are served, and whether what is said of them is so now.
    public var sites: [SiteStatus]
    public var deployments: [DeploymentStatus]

    public init(
        sources: [SourceStatus] = [], sites: [SiteStatus] = [], deployments: [DeploymentStatus] = []
    ) {
        self.sources = sources
        self.sites = sites
        self.deployments = deployments
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        sources = try fields.decode([SourceStatus].self, forKey: .sources)
        sites = try fields.decodeIfPresent([SiteStatus].self, forKey: .sites) ?? []
        deployments = try fields.decode([DeploymentStatus].self, forKey: .deployments)
    }
}

/// How it stands with a site. Of one that is not reachable, all that is said is as it was last seen.
public struct SiteStatus: Hashable, Codable, Sendable {
    public var name: String
    public var reachable: Bool
    /// Of `reachable` as it is.
    public var since: Date
    /// Why it cannot be reached; null where it can.
    @Nullable public var reason: String?

    public init(name: String, reachable: Bool, since: Date, reason: String? = nil) {
        self.name = name
        self.reachable = reachable
        self.since = since
        self.reason = reason
    }
}

public struct SourceStatus: Hashable, Codable, Sendable {
    /// Whose manifests it holds; null from a controller that knows no projects.
    @Nullable public var project: String?
    public var repo: String
    public var branch: String
    /// The commit that is in force; null before the first fetch.
    @Nullable public var commit: String?
    @Nullable public var fetchedAt: Date?
    /// Why the last look failed, and what to do; null while all is well.
    @Nullable public var error: String?
    /// What is wrong with manifests, where.
    public var diagnostics: [Diagnostic]
    /// In the answer to `sync`: deployments that the commit changed and that have not had their pass yet. Left out where
    /// there are none.
    public var awaited: Int?
    /// So many more are wrong beside `diagnostics`. Left out where all are there.
    public var diagnosticsLeftOut: Int?
    /// What the project uses of its limits. Left out where it has none.
    public var limits: [LimitUsage]?

    public init(
        project: String? = Project.defaultName, repo: String, branch: String, commit: String? = nil,
        fetchedAt: Date? = nil, error: String? = nil, diagnostics: [Diagnostic] = [], awaited: Int? = nil
    ) {
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

public struct DeploymentStatus: Hashable, Codable, Sendable {
    public var namespace: String
    public var name: String
    /// Whose it is; null where its project is not in the settings any more.
    @Nullable public var project: String?
    public var phase: Phase
    public var since: Date
    public var message: String
    /// What it waits for, in words: `waiting` says more.
    @Nullable public var waitingFor: String?
    @Nullable public var waiting: WaitStatus?
    @Nullable public var deadlineAt: Date?
    @Nullable public var endpoint: String?
    /// Where the candidate can be tried.
    @Nullable public var preview: String?
    @Nullable public var desired: DesiredStatus?
    @Nullable public var stable: RevisionStatus?
    @Nullable public var candidate: RevisionStatus?
    @Nullable public var step: StepStatus?
    public var gates: [GateSummary]
    /// Of the rollout in flight: whether requests are split as asked. Left out before any were.
    public var split: SplitSummary?
    /// Of all its rollouts in which stable was judged against itself. Left out before there was one.
    public var selfCheck: SelfCheckSummary?
    public var quarantined: [QuarantineStatus]
    /// Revisions that `mlctl rollback` passes over, though git may ask for them: they were aborted, or taken back, when they
    /// were on their way last. Left out where there are none.
    public var passedOver: [QuarantineStatus]?
    public var conditions: [Condition]
    /// At most `instanceLimit`, those with something wrong first.
    @Listed public var instances: [InstanceStatus]
    /// Since when all that should serve has served; null while it does not.
    @Nullable public var availableSince: Date?
    /// Since when something that should serve has not; null while all does.
    @Nullable public var degradedSince: Date?
    /// After a rollback or an abort, and while one goes back: the version that was left. Left out where none was.
    public var leftVersion: String?
    /// Since the data plane began to count: requests that were cut off because they outlived their drain. Left out where
    /// there were none.
    public var cutRequests: Int?
    /// Since the data plane began to count: connections that no instance took. Left out where there were none.
    public var refusedConnections: Int?
    /// Of one that cannot be seen now: all that is said of it is as it was then. Left out where it is as it is.
    public var lastSeenAt: Date?

    public static let instanceLimit = 50

    public init(
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

    public func condition(_ type: Condition.Kind) -> Condition? { conditions.first { $0.type == type.rawValue } }
}

public struct DesiredStatus: Hashable, Codable, Sendable {
    public var revision: Revision
    public var version: String
    public var commit: String

    public init(revision: Revision, version: String, commit: String) {
        self.revision = revision
        self.version = version
        self.commit = commit
    }
}

public struct RevisionStatus: Hashable, Codable, Sendable {
    public var revision: Revision
    public var version: String
    public var weight: Int
    public var replicas: Int
    public var ready: Int
    /// Of its instances that are there now, all together. Left out where there were none.
    public var restarts: Int?
    /// Instances that the data plane has taken out of rotation. Left out where there are none.
    public var ejected: Int?
    /// Requests that were meant for it and that none of its instances could take, in the rollout that was judged last. Left
    /// out where there were none.
    public var unavailable: Int?
    /// Requests to it whose clients gave up while it was to answer, in the rollout that was judged last. Left out where there
    /// were none.
    public var abandoned: Int?
    /// How far its instances are that do not serve yet, such as `1 fetching, 2 starting`. Left out where all serve.
    public var progress: String?
    /// CPU seconds of the instances that are there, since the controller measures them. Left out where that is not measured.
    public var cpuSeconds: Double?
    /// Resident bytes of the instances that are there, all together. Left out where that is not measured.
    public var memoryBytes: Int?

    public init(
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

public struct StepStatus: Hashable, Codable, Sendable {
    /// From 0.
    public var index: Int
    public var count: Int
    public var description: String

    public init(index: Int, count: Int, description: String) {
        self.index = index
        self.count = count
        self.description = description
    }
}

public struct QuarantineStatus: Hashable, Codable, Sendable {
    public var revision: Revision
    public var version: String
    public var reason: String
    public var at: Date

    public init(revision: Revision, version: String, reason: String, at: Date) {
        self.revision = revision
        self.version = version
        self.reason = reason
        self.at = at
    }
}

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
    public var repo: String
    public var branch: String
    /// The commit that is in force; null before the first fetch.
    @Nullable public var commit: String?
    @Nullable public var fetchedAt: Date?
    /// Why the last look failed, and what to do; null while all is well.
    @Nullable public var error: String?
    /// What is wrong with manifests, where.
    public var diagnostics: [Diagnostic]

    public init(
        repo: String, branch: String, commit: String? = nil, fetchedAt: Date? = nil, error: String? = nil,
        diagnostics: [Diagnostic] = []
    ) {
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
    public var phase: Phase
    public var since: Date
    public var message: String
    @Nullable public var waitingFor: String?
    @Nullable public var deadlineAt: Date?
    @Nullable public var endpoint: String?
    /// Where the candidate can be tried.
    @Nullable public var preview: String?
    @Nullable public var desired: DesiredStatus?
    @Nullable public var stable: RevisionStatus?
    @Nullable public var candidate: RevisionStatus?
    @Nullable public var step: StepStatus?
    public var gates: [GateSummary]
    public var quarantined: [QuarantineStatus]
    public var conditions: [Condition]

    public init(
        namespace: String, name: String, phase: Phase, since: Date, message: String, waitingFor: String? = nil,
        deadlineAt: Date? = nil, endpoint: String? = nil, preview: String? = nil, desired: DesiredStatus? = nil,
        stable: RevisionStatus? = nil, candidate: RevisionStatus? = nil, step: StepStatus? = nil,
        gates: [GateSummary] = [], quarantined: [QuarantineStatus] = [], conditions: [Condition] = []
    ) {
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
        self.conditions = conditions
    }
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

    public init(revision: Revision, version: String, weight: Int, replicas: Int, ready: Int) {
        self.revision = revision
        self.version = version
        self.weight = weight
        self.replicas = replicas
        self.ready = ready
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

/// Follows kstatus: `Ready`, `Reconciling`, `Stalled`.
public struct Condition: Hashable, Codable, Sendable {
    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    public var reason: String
    public var message: String

    public init(type: String, status: String, reason: String, message: String) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
    }
}

/// Written as `null` where there is none, rather than left out: programs that read the status find every key.
@propertyWrapper
public struct Nullable<Value: Hashable & Codable & Sendable>: Hashable, Codable, Sendable {
    public var wrappedValue: Value?

    public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

extension KeyedDecodingContainer {
    public func decode<Value>(_ type: Nullable<Value>.Type, forKey key: Key) throws -> Nullable<Value> {
        try decodeIfPresent(type, forKey: key) ?? Nullable(wrappedValue: nil)
    }
}

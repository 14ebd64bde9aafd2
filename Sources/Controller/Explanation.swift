import Analysis
import Foundation
import ModelManifests
import Rollouts

/// Why a deployment is as it is: what `mlctl explain` shows and `GET …/explain` answers.
public struct DeploymentExplanation: Hashable, Codable, Sendable {
    public var status: DeploymentStatus
    /// What would happen next.
    public var outlook: [Outlook]
    /// Of the rollout in flight; else, as they stood when the last one was rolled back.
    public var gates: [GateExplanation]
    public var steps: [StepExplanation]
    /// Of the rollout in flight, or of the last one: oldest first.
    public var events: [StoredEvent]
    /// What took the last rollout back; null where it was not, or a new one is on its way.
    @Nullable public var rollback: StoredEvent?
    /// After a rollback or an abort, and while one goes back: what was left. Null where nothing was.
    @Nullable public var left: LeftRevision?
    /// Ids of the candidate's last failing requests, newest last: of the rollout in flight, or of the one that was rolled
    /// back. Answers carry them as `x-mlctl-request-id`.
    public var failedRequestIds: [String]
    /// Of the rollout in flight: requests that are in no gate's evidence, because one bad instance answered them. Left out
    /// where there are none.
    public var leftOut: [LeftOutRequests]?
    /// All that may change without a new revision.
    public var settings: [SettingWords]
    /// What serves, and what is wanted; null where there is none.
    @Nullable public var stableLoad: RevisionLoad?
    @Nullable public var wanted: RevisionLoad?

    public init(
        status: DeploymentStatus, outlook: [Outlook] = [], gates: [GateExplanation] = [],
        steps: [StepExplanation] = [], events: [StoredEvent] = [], rollback: StoredEvent? = nil,
        left: LeftRevision? = nil, failedRequestIds: [String] = [], settings: [SettingWords] = [],
        stableLoad: RevisionLoad? = nil,
        wanted: RevisionLoad? = nil
    ) {
        self.status = status
        self.outlook = outlook
        self.gates = gates
        self.steps = steps
        self.events = events
        self.rollback = rollback
        self.left = left
        self.failedRequestIds = failedRequestIds
        self.settings = settings
        self.stableLoad = stableLoad
        self.wanted = wanted
    }
}

/// A revision that a rollback or an abort left for the one that serves.
public struct LeftRevision: Hashable, Codable, Sendable {
    public var version: String
    /// Null where the history does not go back that far.
    @Nullable public var revision: Revision?

    public init(version: String, revision: Revision? = nil) {
        self.version = version
        self.revision = revision
    }
}

/// Requests of a revision that one bad instance answered.
public struct LeftOutRequests: Hashable, Codable, Sendable {
    public var version: String
    public var revision: Revision
    public var requests: Int

    public init(version: String, revision: Revision, requests: Int) {
        self.version = version
        self.revision = revision
        self.requests = requests
    }
}

public struct GateExplanation: Hashable, Codable, Sendable {
    public var summary: GateSummary
    /// Null where the gate is no longer in the manifest.
    @Nullable public var words: GateWords?

    public init(summary: GateSummary, words: GateWords?) {
        self.summary = summary
        self.words = words
    }
}

public struct StepExplanation: Hashable, Codable, Sendable {
    public enum Place: String, Codable, Sendable { case done, current, ahead }

    public var description: String
    public var place: Place

    public init(description: String, place: Place) {
        self.description = description
        self.place = place
    }
}

/// A revision, and what it takes to load it.
public struct RevisionLoad: Hashable, Codable, Sendable {
    public var revision: Revision
    public var version: String
    /// That its model files were found to have.
    @Nullable public var digest: String?
    public var replicas: Int
    /// Of each replica.
    public var resources: Resources

    public init(revision: Revision, version: String, digest: String?, replicas: Int, resources: Resources) {
        self.revision = revision
        self.version = version
        self.digest = digest
        self.replicas = replicas
        self.resources = resources
    }

    init(_ template: ServingTemplate, replicas: Int) {
        self.init(
            revision: template.revision, version: template.model.version,
            digest: template.model.digest?.description, replicas: replicas, resources: template.resources)
    }
}

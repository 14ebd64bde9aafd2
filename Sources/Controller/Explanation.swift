import Analysis
import Foundation
import ModelManifests
import Rollouts

/// Explains the state of a deployment: what `mlctl explain` shows and `GET …/explain` returns.
public struct DeploymentExplanation: Hashable, Codable, Sendable {
    public var status: DeploymentStatus
    /// What can happen next.
    public var outlook: [Outlook]
    /// The gates of the rollout in flight; otherwise their state when the last rollout was rolled back.
    public var gates: [GateExplanation]
    public var steps: [StepExplanation]
    /// The events of the rollout in flight, or of the last one: oldest first.
    public var events: [StoredEvent]
    /// The event that rolled back the last rollout; null if it was not rolled back, or a new one is in flight.
    @Nullable public var rollback: StoredEvent?
    /// After a rollback or an abort, and during one: the revision that was left. Null if there is none.
    @Nullable public var left: LeftRevision?
    /// Ids of the candidate's last failing requests, newest last, from the rollout in flight or from the one that was rolled
    /// back. Responses carry them in the header `x-mlctl-request-id`.
    public var failedRequestIds: [String]
    /// Of the rollout in flight: requests that are in no gate's evidence, because one bad instance answered them. Left out
    /// where there are none.
    public var leftOut: [LeftOutRequests]?
    /// All settings that can change without a new revision.
    public var settings: [SettingDescription]
    /// The stable revision and the wanted one; null if there is none.
    @Nullable public var stableLoad: RevisionLoad?
    @Nullable public var wanted: RevisionLoad?

    public init(
        status: DeploymentStatus, outlook: [Outlook] = [], gates: [GateExplanation] = [],
        steps: [StepExplanation] = [], events: [StoredEvent] = [], rollback: StoredEvent? = nil,
        left: LeftRevision? = nil, failedRequestIds: [String] = [], settings: [SettingDescription] = [],
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

/// A revision that a rollback or an abort left in favour of the stable one.
public struct LeftRevision: Hashable, Codable, Sendable {
    public var version: String
    /// Null if the history does not reach back that far.
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
    /// Null if the gate is no longer in the manifest.
    @Nullable public var words: GateDescription?

    public init(summary: GateSummary, words: GateDescription?) {
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

/// A revision and the resources that it needs.
public struct RevisionLoad: Hashable, Codable, Sendable {
    public var revision: Revision
    public var version: String
    /// The digest that was found for its model files.
    @Nullable public var digest: String?
    public var replicas: Int
    /// Per replica.
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

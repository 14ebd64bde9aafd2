import Analysis
import Foundation
import ModelManifests
import Rollouts

/// Explains the state of a deployment: what `mlctl explain` shows and `GET …/explain` returns.
package struct DeploymentExplanation: Hashable, Codable, Sendable {
    package var status: DeploymentStatus
    /// What can happen next.
    package var outlook: [Outlook]
    /// The gates of the rollout in flight; otherwise their state when the last rollout was rolled back.
    package var gates: [GateExplanation]
    package var steps: [StepExplanation]
    /// The events of the rollout in flight, or of the last one: oldest first.
    package var events: [StoredEvent]
    /// The event that rolled back the last rollout; null if it was not rolled back, or a new one is in flight.
    @Nullable package var rollback: StoredEvent?
    /// After a rollback or an abort, and during one: the revision that was left. Null if there is none.
    @Nullable package var left: LeftRevision?
    /// Ids of the candidate's last failing requests, newest last, from the rollout in flight or from the one that was rolled
    /// back. Responses carry them in the header `x-mlctl-request-id`.
    package var failedRequestIds: [String]
    /// Of the rollout in flight: requests that are in no gate's evidence, because one bad instance answered them. Left out
    /// where there are none.
    package var leftOut: [LeftOutRequests]?
    /// All settings that can change without a new revision.
    package var settings: [SettingDescription]
    /// The stable revision and the wanted one; null if there is none.
    @Nullable package var stableLoad: RevisionLoad?
    @Nullable package var wanted: RevisionLoad?
    /// What its users sent over the last minutes. Left out where that is not known.
    package var traffic: TrafficRate?

    package init(
        status: DeploymentStatus, outlook: [Outlook] = [], gates: [GateExplanation] = [],
        steps: [StepExplanation] = [], events: [StoredEvent] = [], rollback: StoredEvent? = nil,
        left: LeftRevision? = nil, failedRequestIds: [String] = [], settings: [SettingDescription] = [],
        stableLoad: RevisionLoad? = nil,
        wanted: RevisionLoad? = nil, traffic: TrafficRate? = nil
    ) {
        self.traffic = traffic
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
package struct LeftRevision: Hashable, Codable, Sendable {
    package var version: String
    /// Null if the history does not reach back that far.
    @Nullable package var revision: Revision?

    package init(version: String, revision: Revision? = nil) {
        self.version = version
        self.revision = revision
    }
}

/// Requests of a revision that one bad instance answered.
package struct LeftOutRequests: Hashable, Codable, Sendable {
    package var version: String
    package var revision: Revision
    package var requests: Int

    package init(version: String, revision: Revision, requests: Int) {
        self.version = version
        self.revision = revision
        self.requests = requests
    }
}

package struct GateExplanation: Hashable, Codable, Sendable {
    package var summary: GateSummary
    /// Null if the gate is no longer in the manifest.
    @Nullable package var words: GateDescription?
    /// The numbers behind the verdict, for drawings. Left out if the gate does not decide by odds.
    package var figures: GateFigures?

    package init(summary: GateSummary, words: GateDescription?, figures: GateFigures? = nil) {
        self.summary = summary
        self.words = words
        self.figures = figures
    }
}

package struct StepExplanation: Hashable, Codable, Sendable {
    package enum Place: String, Codable, Sendable { case done, current, ahead }

    package var description: String
    package var place: Place

    package init(description: String, place: Place) {
        self.description = description
        self.place = place
    }
}

/// A revision and the resources that it needs.
package struct RevisionLoad: Hashable, Codable, Sendable {
    package var revision: Revision
    package var version: String
    /// The digest that was found for its model files.
    @Nullable package var digest: String?
    package var replicas: Int
    /// Per replica.
    package var resources: Resources

    package init(revision: Revision, version: String, digest: String?, replicas: Int, resources: Resources) {
        self.revision = revision
        self.version = version
        self.digest = digest
        self.replicas = replicas
        self.resources = resources
    }

    package init(_ template: ServingTemplate, replicas: Int) {
        self.init(
            revision: template.revision, version: template.model.version,
            digest: template.model.digest?.description, replicas: replicas, resources: template.resources)
    }
}

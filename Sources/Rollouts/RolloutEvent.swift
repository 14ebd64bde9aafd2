import Foundation
import ModelManifests

/// Something that was decided about a deployment, for the audit trail. Written in one record with the state it led to.
public struct RolloutEvent: Hashable, Codable, Sendable {
    public enum Kind: String, CaseIterable, Codable, Sendable {
        case deployed, rolloutStarted, stepStarted, gatePassed, gateFailed, paused, resumed, approved
        case promoting, promoted, probationStarted, probationEnded
        case rollingBack, rolledBack, aborted, quarantined, superseded, retried, suspended, unsuspended
        case stuck, recovered, failed, removed, warning
        /// What should serve does not, or not enough of it; and does again.
        case degraded, available
    }

    public var at: Date
    public var kind: Kind
    /// The revision that it is about; nil where it is about the deployment.
    public var revision: Revision?
    public var version: String?
    /// The git commit that was wanted when it was decided.
    public var commit: String?
    /// What happened and why, for people.
    public var message: String
    /// Who asked for it; nil where the controller decided.
    public var actor: String?
    /// The gates as they stood: what the decision was taken on.
    public var evidence: [GateSummary]
    /// Where the candidate failed or was taken back: ids of its last failing requests, newest last. Nil where there were
    /// none.
    public var failedRequestIds: [String]?

    public static let failedRequestLimit = 10

    public init(
        at: Date, kind: Kind, revision: Revision? = nil, version: String? = nil, commit: String? = nil,
        message: String, actor: String? = nil, evidence: [GateSummary] = [], failedRequestIds: [String]? = nil
    ) {
        self.at = at
        self.kind = kind
        self.revision = revision
        self.version = version
        self.commit = commit
        self.message = message
        self.actor = actor
        self.evidence = evidence
        self.failedRequestIds = failedRequestIds
    }
}

/// One gate as it stands: its verdict and why, for a status or an event.
public struct GateSummary: Hashable, Codable, Sendable {
    public var name: String
    /// `pass`, `fail` or `insufficient`.
    public var verdict: String
    /// The candidate's.
    public var samples: Int
    public var reason: String

    public init(name: String, verdict: String, samples: Int, reason: String) {
        self.name = name
        self.verdict = verdict
        self.samples = samples
        self.reason = reason
    }
}

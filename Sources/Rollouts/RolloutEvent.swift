import Analysis
import Foundation
import ModelManifests

/// A decision about a deployment, for the audit trail. It is written together with the state that it led to.
package struct RolloutEvent: Hashable, Codable, Sendable {
    package enum Kind: String, CaseIterable, Codable, Sendable {
        case deployed, rolloutStarted, stepStarted, gatePassed, gateFailed
        /// A gate that only warns would have failed.
        case gateWarned
        case paused, resumed, approved
        case promoting, promoted, probationStarted, probationEnded
        case rollingBack, rolledBack, aborted, quarantined, superseded, retried, suspended, unsuspended
        case stuck, recovered, failed, removed, warning
        /// The deployment serves less than it should or not at all; and it serves again as it should.
        case degraded, available
        /// The data plane has taken an instance out of rotation; and has taken it back.
        case instanceEjected, instanceReturned
    }

    package var at: Date
    package var kind: Kind
    /// The revision that the event is about. Nil if it is about the deployment.
    package var revision: Revision?
    package var version: String?
    /// The git commit that was wanted at the time of the decision.
    package var commit: String?
    /// What happened and why, for people.
    package var message: String
    /// Who asked for it. Nil if the controller decided.
    package var actor: String?
    /// The identity that the client claimed to act for, without verification. Nil if it claimed none.
    package var claimedActor: String?
    /// Why they asked for it, in their words. Nil if they gave none.
    package var reason: String?
    /// The gates at the time of the decision.
    package var evidence: [GateSummary]
    /// If the candidate failed or was withdrawn: ids of its last failed requests, newest last. Nil if there were none.
    package var failedRequestIds: [String]?
    /// If the candidate is promoted or taken back: the numbers behind the verdicts of its gates, for drawings. Nil if no gate
    /// decides by odds.
    package var figures: [GateFigures]?
    /// The project of the deployment at that time. Nil: the only project of a controller without projects.
    package var project: String?

    package static let failedRequestLimit = 10

    package init(
        at: Date, kind: Kind, revision: Revision? = nil, version: String? = nil, commit: String? = nil,
        message: String, actor: String? = nil, claimedActor: String? = nil, reason: String? = nil,
        evidence: [GateSummary] = [],
        failedRequestIds: [String]? = nil, project: String? = nil
    ) {
        self.project = project
        self.at = at
        self.kind = kind
        self.revision = revision
        self.version = version
        self.commit = commit
        self.message = message
        self.actor = actor
        self.claimedActor = claimedActor
        self.reason = reason
        self.evidence = evidence
        self.failedRequestIds = failedRequestIds
    }
}

/// One gate's verdict and reason, for a status or an event.
package struct GateSummary: Hashable, Codable, Sendable {
    package var name: String
    /// `pass`, `fail` or `insufficient`.
    package var verdict: String
    /// The candidate's samples.
    package var samples: Int
    package var reason: String
    /// The verdict is reported, but nothing acts on it. Left out of JSON if it is false.
    package var warnOnly: Bool
    /// What the gate still needs to pass, as far as that is known. Nil if it has a verdict, and in events.
    package var missing: String?

    package init(
        name: String, verdict: String, samples: Int, reason: String, warnOnly: Bool = false, missing: String? = nil
    ) {
        self.missing = missing
        self.name = name
        self.verdict = verdict
        self.samples = samples
        self.reason = reason
        self.warnOnly = warnOnly
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .name)
        verdict = try fields.decode(String.self, forKey: .verdict)
        samples = try fields.decode(Int.self, forKey: .samples)
        reason = try fields.decode(String.self, forKey: .reason)
        warnOnly = try fields.decodeIfPresent(Bool.self, forKey: .warnOnly) ?? false
        missing = try fields.decodeIfPresent(String.self, forKey: .missing)
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(name, forKey: .name)
        try fields.encode(verdict, forKey: .verdict)
        try fields.encode(samples, forKey: .samples)
        try fields.encode(reason, forKey: .reason)
        if warnOnly { try fields.encode(warnOnly, forKey: .warnOnly) }
        try fields.encodeIfPresent(missing, forKey: .missing)
    }

    private enum CodingKeys: String, CodingKey { case name, verdict, samples, reason, warnOnly, missing }
}

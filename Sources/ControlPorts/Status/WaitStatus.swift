import Foundation
import Rollouts

/// What a deployment waits for: the cause, how long it can last, and what a person can do.
package struct WaitStatus: Hashable, Codable, Sendable {
    /// For example `evidence: errors`, or `1 of 2 instances of version 3 are ready: its port does not answer`.
    package var cause: String
    /// For example `'mlctl promote'`; null if nobody can do anything but wait.
    @Nullable package var remedy: String?
    @Nullable package var since: Date?
    /// When the wait ends by itself; null if it does not, or that is unknown.
    @Nullable package var endsAt: Date?
    /// Whether it does not end without a person.
    package var needsPerson: Bool

    package init(
        cause: String, remedy: String? = nil, since: Date? = nil, endsAt: Date? = nil, needsPerson: Bool = false
    ) {
        self.cause = cause
        self.remedy = remedy
        self.since = since
        self.endsAt = endsAt
        self.needsPerson = needsPerson
    }

    package init(_ wait: Wait) {
        self.init(
            cause: wait.text, remedy: wait.remedy, since: wait.since, endsAt: wait.endsAt, needsPerson: wait.needsPerson
        )
    }
}

/// Why a deployment does not continue without a person, as a fixed list for programs.
package enum PersonCause: String, CaseIterable, Sendable {
    case approval
    /// A pause without an end, from the rollout's steps.
    case pause
    /// `mlctl pause`.
    case operatorPause
    case gateFailed
    /// The candidate was not available for too long.
    case unavailable
    /// Requests are not split as intended.
    case splitMismatch
    /// The project's policy forbids the candidate since it became stricter.
    case outsidePolicy
    case suspended
    /// What git asks for has failed or was aborted, and is not tried again.
    case heldOff
    /// No instance serves, and none can.
    case cannotServe
    /// Another program uses the endpoint's port.
    case portTaken
    /// It waits for a deployment that git does not have, or not in a valid form.
    case dependencyMissing
    case invalidManifest
    /// No file of the commit describes it, and it is not certain that it was removed.
    case notInGit
    /// Its manifest names another place than the one where it serves.
    case anotherPlace
    /// The store does not accept records, for example because its disk is full.
    case notRecorded
    case other

    /// The reason of the `Stalled` condition.
    package var reason: String {
        switch self {
        case .approval: "Approval"
        case .pause: "Pause"
        case .operatorPause: "PausedByOperator"
        case .gateFailed: "GateFailed"
        case .unavailable: "Unavailable"
        case .splitMismatch: "SplitMismatch"
        case .outsidePolicy: "OutsidePolicy"
        case .suspended: "Suspended"
        case .heldOff: "RolledBack"
        case .cannotServe: "Failed"
        case .portTaken: "PortTaken"
        case .dependencyMissing: "DependencyMissing"
        case .invalidManifest: "InvalidManifest"
        case .notInGit: "NotInGit"
        case .anotherPlace: "AnotherTarget"
        case .notRecorded: "NotRecorded"
        case .other: "NeedsPerson"
        }
    }

    /// Finds the cause for such a reason.
    package init?(reason: String) {
        guard let found = Self.allCases.first(where: { $0.reason == reason }) else { return nil }
        self = found
    }
}

extension DeploymentStatus {
    /// Why the deployment does not continue without a person; nil if it does.
    package var personCause: PersonCause? {
        guard let stalled = condition(.stalled), stalled.status == "True" else { return nil }
        return PersonCause(reason: stalled.reason) ?? .other
    }
}

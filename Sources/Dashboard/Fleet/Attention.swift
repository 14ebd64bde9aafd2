import ControlPorts
import Presentation
import Rollouts

/// How much a deployment needs a person, most first.
package enum Attention: Int, CaseIterable, Comparable, Sendable {
    /// Users get less than they should, or nothing.
    case failing
    /// It does not continue without a person.
    case needsPerson
    /// The files of its next version are not there. It is tried again, and a person can do something about it.
    case blocked
    /// What git asks for has no effect until somebody resumes it.
    case suspended
    /// A candidate was taken out; what served before serves.
    case rolledBack
    /// It cannot be observed now.
    case unseen
    case moving
    case quiet

    package static func < (left: Attention, right: Attention) -> Bool { left.rawValue < right.rawValue }

    package init(_ status: DeploymentStatus) {
        self =
            if status.lastSeenAt != nil {
                .unseen
            } else if [.failed, .degraded].contains(status.phase)
                || status.phase != .idle && status.condition(.available)?.status == "False" && status.stable != nil
            {
                .failing
            } else if [.rolledBack, .rollingBack].contains(status.phase) {
                .rolledBack
            } else if status.waiting?.needsPerson == true || status.personCause != nil {
                .needsPerson
            } else if status.isSuspended {
                .suspended
            } else if [.preparing, .idle].contains(status.phase), status.candidate == nil, status.waiting?.remedy != nil
            {
                .blocked
            } else {
                [.healthy, .idle].contains(status.phase) ? .quiet : .moving
            }
    }

    /// Whether it is a problem that somebody should look at.
    package var isProblem: Bool { self < .moving }

    package var words: String {
        switch self {
        case .failing: "failing"
        case .needsPerson: "waiting for a person"
        case .blocked: "without model files"
        case .suspended: "suspended"
        case .rolledBack: "rolled back"
        case .unseen: "not seen now"
        case .moving: "rolling out"
        case .quiet: "quiet"
        }
    }

    package var mark: Mark {
        switch self {
        case .failing, .rolledBack: .bad
        case .needsPerson, .blocked, .suspended, .unseen: .warning
        case .moving: .active
        case .quiet: .good
        }
    }
}

extension DeploymentStatus {
    var isSuspended: Bool { conditions.contains { $0.type == Condition.suspended && $0.status == "True" } }

    /// The phase with its sign. A healthy deployment that does not serve as it should is not shown as healthy.
    var badge: Badge {
        let attention = Attention(self)
        let mark: Mark = attention == .quiet ? Mark(tone) : attention.mark
        return Badge(mark, lastSeenAt == nil ? shownPhase : "\(shownPhase) when last seen")
    }
}

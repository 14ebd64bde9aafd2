import Foundation
import ModelManifests

/// A person's request through `mlctl` or the API.
package struct OperatorCommand: Hashable, Codable, Sendable {
    package enum Verb: Hashable, Codable, Sendable {
        /// Continue past the current wait.
        case promote(Promotion)
        case pause
        case resume
        /// Ends the rollout in flight, and holds git's template back.
        case abort
        /// Tries a quarantined or held-back template again.
        case retry
        /// Back to an earlier revision, named by its first digits. Nil: the revision before the one that serves.
        case rollback(to: String?, force: Bool)
        case suspend

        package static func promote(full: Bool) -> Verb { .promote(Promotion(isFull: full)) }

        package static func rollback(to revision: Revision?) -> Verb {
            .rollback(to: revision?.rawValue, force: false)
        }
    }

    /// How far `promote` goes.
    package struct Promotion: Hashable, Codable, Sendable {
        /// To 100 % at once.
        package var isFull: Bool
        /// Skip the gates that must pass before any traffic.
        package var skipsChecks: Bool
        /// Continue even if not all instances are ready.
        package var isForced: Bool

        package init(isFull: Bool = false, skipsChecks: Bool = false, isForced: Bool = false) {
            self.isFull = isFull
            self.skipsChecks = skipsChecks
            self.isForced = isForced
        }
    }

    package var verb: Verb
    /// The authenticated identity of the caller. Nil if there is none.
    package var actor: String?
    /// The identity that the client claims to act for. It is not verified, and is shown as a claim.
    package var claimedActor: String?
    /// Why, in the caller's words. Recorded with what the command causes, and used for nothing else.
    package var reason: String?

    package init(_ verb: Verb, actor: String? = nil, claimedActor: String? = nil, reason: String? = nil) {
        self.verb = verb
        self.actor = actor
        self.claimedActor = claimedActor
        self.reason = reason
    }
}

/// A command without its parameters.
package enum CommandKind: String, CaseIterable, Codable, Sendable {
    case promote, pause, resume, abort, retry, rollback, suspend

    package init(_ verb: OperatorCommand.Verb) {
        switch verb {
        case .promote: self = .promote
        case .pause: self = .pause
        case .resume: self = .resume
        case .abort: self = .abort
        case .retry: self = .retry
        case .rollback: self = .rollback
        case .suspend: self = .suspend
        }
    }

    /// The command with default parameters.
    var verb: OperatorCommand.Verb {
        switch self {
        case .promote: .promote(OperatorCommand.Promotion())
        case .pause: .pause
        case .resume: .resume
        case .abort: .abort
        case .retry: .retry
        case .rollback: .rollback(to: nil, force: false)
        case .suspend: .suspend
        }
    }
}

import Foundation
import ModelManifests

/// A person's request through `mlctl` or the API.
public struct OperatorCommand: Hashable, Codable, Sendable {
    public enum Verb: Hashable, Codable, Sendable {
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

        public static func promote(full: Bool) -> Verb { .promote(Promotion(isFull: full)) }

        public static func rollback(to revision: Revision?) -> Verb {
            .rollback(to: revision?.rawValue, force: false)
        }
    }

    /// How far `promote` goes.
    public struct Promotion: Hashable, Codable, Sendable {
        /// To 100 % at once.
        public var isFull: Bool
        /// Skip the gates that must pass before any traffic.
        public var skipsChecks: Bool
        /// Continue even if not all instances are ready.
        public var isForced: Bool

        public init(isFull: Bool = false, skipsChecks: Bool = false, isForced: Bool = false) {
            self.isFull = isFull
            self.skipsChecks = skipsChecks
            self.isForced = isForced
        }
    }

    public var verb: Verb
    /// The authenticated identity of the caller. Nil if there is none.
    public var actor: String?
    /// The identity that the client claims to act for. It is not verified, and is shown as a claim.
    public var claimedActor: String?

    public init(_ verb: Verb, actor: String? = nil, claimedActor: String? = nil) {
        self.verb = verb
        self.actor = actor
        self.claimedActor = claimedActor
    }
}

/// A command without its parameters.
public enum CommandKind: String, CaseIterable, Codable, Sendable {
    case promote, pause, resume, abort, retry, rollback, suspend

    public init(_ verb: OperatorCommand.Verb) {
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

import Foundation
import ModelManifests

/// What a person asked for, through `mlctl` or the API.
public struct OperatorCommand: Hashable, Codable, Sendable {
    public enum Verb: Hashable, Codable, Sendable {
        /// Past what waits now.
        case promote(Promotion)
        case pause
        case resume
        /// Ends the rollout in flight, and holds git's template off.
        case abort
        /// Tries a quarantined or held-off template again.
        case retry
        /// Back to an earlier revision, by its first digits; nil: the one before what serves.
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
        /// Past what has to be judged before any traffic.
        public var skipsChecks: Bool
        /// Also where not all instances are ready.
        public var isForced: Bool

        public init(isFull: Bool = false, skipsChecks: Bool = false, isForced: Bool = false) {
            self.isFull = isFull
            self.skipsChecks = skipsChecks
            self.isForced = isForced
        }
    }

    public var verb: Verb
    /// Who asks, as far as that was proved.
    public var actor: String?
    /// Who the client says that it acts for. Nobody has checked that: it is shown as a claim.
    public var claimedActor: String?

    public init(_ verb: Verb, actor: String? = nil, claimedActor: String? = nil) {
        self.verb = verb
        self.actor = actor
        self.claimedActor = claimedActor
    }
}

/// A command by its name.
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

    /// The plain form of the command.
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

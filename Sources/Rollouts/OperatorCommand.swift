import Foundation
import ModelManifests

/// What a person asked for, through `mlctl` or the API.
public struct OperatorCommand: Hashable, Codable, Sendable {
    public enum Verb: Hashable, Codable, Sendable {
        /// Past the pause or approval that waits; `full`: to 100 % at once.
        case promote(full: Bool)
        case pause
        case resume
        /// Ends the rollout in flight, and holds git's template off.
        case abort
        /// Tries a quarantined or held-off template again.
        case retry
        /// Back to an earlier revision; nil: the one before.
        case rollback(to: Revision?)
        case suspend
    }

    public var verb: Verb
    public var actor: String?

    public init(_ verb: Verb, actor: String? = nil) {
        self.verb = verb
        self.actor = actor
    }
}

import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Transport

/// An event in a status.
struct RecordedEvent: Codable, Equatable, Sendable {
    /// The most events that a status keeps; the newest stay.
    static let limit = 32
    /// The most characters of a message: 32 messages leave room for the record in one object.
    static let messageLimit = 1_000

    /// Milliseconds since 1970, or one more than the previous event's id. It increases over all objects of the same name.
    var id: Int
    var kind: String
    var message: String
    /// RFC 3339 with fractions of a second.
    var at: String
    var revision: String?
    var version: String?
    var commit: String?
    var actor: String?
    var project: String?
    var claimedActor: String?
    var reason: String?

    /// - Parameter last: the id of the previous event; 0 if there was none.
    init(_ event: RolloutEvent, after last: Int) {
        id = max(ClusterStore.version(after: last), Int(event.at.timeIntervalSince1970 * 1_000))
        kind = event.kind.rawValue
        message = String(event.message.prefix(Self.messageLimit))
        at = RFC3339.text(event.at)
        revision = event.revision?.rawValue
        version = event.version
        commit = event.commit
        actor = event.actor
        project = event.project
        claimedActor = event.claimedActor
        reason = event.reason
    }

    /// The event again. A kind that this version does not know becomes a warning with the same message.
    var event: RolloutEvent {
        RolloutEvent(
            at: RFC3339.date(at) ?? Date(timeIntervalSince1970: 0), kind: RolloutEvent.Kind(rawValue: kind) ?? .warning,
            revision: revision.map(Revision.init(rawValue:)), version: version, commit: commit, message: message,
            actor: actor, claimedActor: claimedActor, reason: reason, project: project)
    }

    /// The events of one decision, with ids that follow the last one.
    static func following(_ last: Int, _ events: [RolloutEvent]) -> [RecordedEvent] {
        events.reduce(into: []) { recorded, event in
            recorded.append(RecordedEvent(event, after: recorded.last?.id ?? last))
        }
    }
}

import Controller
import Foundation
import ModelManifests
import Rollouts
import Transport

/// An event as the status keeps it.
struct RecordedEvent: Codable, Equatable, Sendable {
    /// The newest that a status keeps.
    static let limit = 32
    /// Of a message: 32 of them leave room for the record in one object.
    static let messageLimit = 1_000

    /// Milliseconds since 1970, or one more than the event's before: rises, also over objects of the same name.
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

    /// - Parameter last: the id of the event before; 0 where there was none.
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
    }

    /// What it told; a kind that this version does not know is a warning with the same words.
    var event: RolloutEvent {
        RolloutEvent(
            at: RFC3339.date(at) ?? Date(timeIntervalSince1970: 0), kind: RolloutEvent.Kind(rawValue: kind) ?? .warning,
            revision: revision.map(Revision.init(rawValue:)), version: version, commit: commit, message: message,
            actor: actor, claimedActor: claimedActor, project: project)
    }

    /// The events of one decision, after those that are kept.
    static func following(_ last: Int, _ events: [RolloutEvent]) -> [RecordedEvent] {
        events.reduce(into: []) { recorded, event in
            recorded.append(RecordedEvent(event, after: recorded.last?.id ?? last))
        }
    }
}

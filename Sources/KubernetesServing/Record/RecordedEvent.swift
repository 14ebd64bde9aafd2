import Controller
import Foundation
import ModelManifests
import Rollouts

/// An event as the status keeps it.
struct RecordedEvent: Codable, Equatable, Sendable {
    /// The newest that a status keeps.
    static let limit = 32
    /// Of a message: 32 of them leave room for the record in one object.
    static let messageLimit = 1_000

    /// From 1, rising by one.
    var id: Int
    var kind: String
    var message: String
    /// RFC 3339 with fractions of a second.
    var at: String
    var revision: String?
    var version: String?
    var commit: String?
    var actor: String?

    init(_ event: RolloutEvent, id: Int) {
        self.id = id
        kind = event.kind.rawValue
        message = String(event.message.prefix(Self.messageLimit))
        at = event.at.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
        revision = event.revision?.rawValue
        version = event.version
        commit = event.commit
        actor = event.actor
    }

    /// What it told; a kind that this version does not know is a warning with the same words.
    var event: RolloutEvent {
        RolloutEvent(
            at: Self.date(at), kind: RolloutEvent.Kind(rawValue: kind) ?? .warning,
            revision: revision.map(Revision.init(rawValue:)), version: version, commit: commit, message: message,
            actor: actor)
    }

    private static func date(_ text: String) -> Date {
        (try? Date(text, strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: .iso8601)) ?? Date(timeIntervalSince1970: 0)
    }
}

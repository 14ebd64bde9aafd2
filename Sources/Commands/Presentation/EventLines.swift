import Controller
import Foundation
import ModelManifests
import Rollouts

/// The output of `mlctl events`.
enum EventLines {
    /// A table with the oldest event first.
    static func table(_ newestFirst: [StoredEvent], now: Date, on canvas: Canvas) -> [String] {
        guard !newestFirst.isEmpty else { return ["no events yet"] }
        var table = TextTable(["WHEN", "DEPLOYMENT", "EVENT", "VERSION", "MESSAGE"])
        for stored in newestFirst.reversed() {
            table.add([
                "\(RelativeTime.text(stored.event.at, now: now))", "\(stored.deployment)",
                TextTable.Cell(stored.event.kind.rawValue, tone(stored.event.kind)),
                stored.event.version.map { TextTable.Cell($0) } ?? .none, "\(message(stored.event))",
            ])
        }
        return table.lines(on: canvas)
    }

    /// One line for an event as it happens.
    static func line(_ stored: StoredEvent, on canvas: Canvas) -> String {
        let kind = stored.event.kind
        let version = stored.event.version.map { " \($0)" } ?? ""
        return [
            canvas.paint(RelativeTime.clock(stored.event.at), .faint), stored.deployment.description,
            canvas.paint(kind.rawValue, tone(kind)) + version.printable, message(stored.event).printable,
        ].joined(separator: "  ")
    }

    private static func message(_ event: RolloutEvent) -> String {
        event.actor.map { "\(event.message) (\(actor($0, event)))" } ?? event.message
    }

    /// The authenticated actor, and whom the client claims to act for.
    static func actor(_ proved: String, _ event: RolloutEvent) -> String {
        event.claimedActor.map { "\(proved), claims to be '\($0)'" } ?? proved
    }

    static func tone(_ kind: RolloutEvent.Kind) -> Tone {
        switch kind {
        case .promoted, .gatePassed, .recovered, .available, .instanceReturned: .good
        case .gateFailed, .rollingBack, .rolledBack, .aborted, .quarantined, .failed, .degraded: .bad
        case .gateWarned, .paused, .stuck, .warning, .suspended, .instanceEjected: .warning
        case .rolloutStarted, .stepStarted, .resumed, .approved, .promoting, .probationStarted, .retried: .active
        case .deployed, .probationEnded, .superseded, .unsuspended, .removed: .plain
        }
    }
}

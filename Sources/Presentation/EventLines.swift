import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

/// The output of `mlctl events`.
package enum EventLines {
    /// A table with the oldest event first.
    package static func table(_ newestFirst: [StoredEvent], now: Date, on canvas: Canvas) -> [String] {
        guard !newestFirst.isEmpty else { return ["no events yet"] }
        var table = TextTable(["WHEN", "DEPLOYMENT", "EVENT", "VERSION", "MESSAGE"])
        let events = newestFirst.reversed()
        let reasons = SharedReasons(of: events.map(\.event.message))
        for stored in events {
            table.add([
                "\(RelativeTime.text(stored.event.at, now: now))", "\(stored.deployment)",
                TextTable.Cell(stored.event.kind.rawValue, tone(stored.event.kind)),
                stored.event.version.map { TextTable.Cell($0) } ?? .none,
                "\(message(stored.event, reasons.shortened(stored.event.message)))",
            ])
        }
        return [table.lines(on: canvas), reasons.lines(on: canvas, indent: 0)].filter { !$0.isEmpty }
            .joined(separator: [""]).map(\.self)
    }

    /// One line for an event as it happens.
    package static func line(_ stored: StoredEvent, on canvas: Canvas) -> String {
        let kind = stored.event.kind
        let version = stored.event.version.map { " \($0)" } ?? ""
        return [
            canvas.paint(RelativeTime.clock(stored.event.at), .faint), stored.deployment.description,
            canvas.paint(kind.rawValue, tone(kind)) + version.printable,
            message(stored.event, stored.event.message).printable,
        ].joined(separator: "  ")
    }

    private static func message(_ event: RolloutEvent, _ text: String) -> String {
        event.actor.map { "\(text) (\(actor($0, event)))" } ?? text
    }

    /// The authenticated actor, whom the client claims to act for, and why.
    package static func actor(_ proved: String, _ event: RolloutEvent) -> String {
        let who = event.claimedActor.map { "\(proved), claims to be '\($0)'" } ?? proved
        return event.reason.map { "\(who): \($0)" } ?? who
    }

    package static func tone(_ kind: RolloutEvent.Kind) -> Tone {
        switch kind {
        case .promoted, .gatePassed, .recovered, .available, .instanceReturned: .good
        case .gateFailed, .rollingBack, .rolledBack, .aborted, .quarantined, .failed, .degraded: .bad
        case .gateWarned, .paused, .stuck, .warning, .suspended, .instanceEjected: .warning
        case .rolloutStarted, .stepStarted, .resumed, .approved, .promoting, .probationStarted, .retried: .active
        case .deployed, .probationEnded, .superseded, .unsuspended, .removed: .plain
        }
    }
}

/// The output of `mlctl logs`. With several instances, each line begins with its instance.
package enum LogText {
    package static func lines(_ log: [LogLine], on canvas: Canvas) -> [String] {
        let instances = Set(log.map(\.instance))
        guard instances.count > 1 else { return log.map(\.text.printable) }
        let width = instances.map(\.columns).max() ?? 0
        return log.map { line in
            let label = line.instance.printable
            let padding = String(repeating: " ", count: max(0, width - label.columns))
            return canvas.paint(label + padding, .faint) + "  " + line.text.printable
        }
    }
}

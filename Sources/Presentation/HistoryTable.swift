import ControlPorts
import Foundation
import ModelManifests

/// The output of `mlctl history`: one line per revision, newest first.
package enum HistoryTable {
    package static func lines(_ history: [HistoryEntry], now: Date, on canvas: Canvas) -> [String] {
        guard !history.isEmpty else { return ["nothing has been deployed yet"] }
        var table = TextTable(["VERSION", "REVISION", "COMMIT", "OUTCOME", "STARTED", "ENDED", "REASON"])
        for entry in history {
            table.add([
                TextTable.Cell(entry.version, .heading), "\(entry.revision)",
                entry.commit.map { TextTable.Cell($0.shortCommit) } ?? .none,
                TextTable.Cell(entry.outcome, tone(entry.outcome)), "\(RelativeTime.text(entry.startedAt, now: now))",
                entry.endedAt.map { TextTable.Cell(RelativeTime.text($0, now: now)) } ?? .none, "\(entry.reason)",
            ])
        }
        return table.lines(on: canvas)
    }

    private static func tone(_ outcome: String) -> Tone {
        switch outcome {
        case "stable": .good
        case "candidate": .active
        case "rolled back", "aborted": .bad
        default: .plain
        }
    }
}

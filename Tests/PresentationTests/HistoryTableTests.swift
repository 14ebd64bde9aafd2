import ControlPorts
import TestSupport
import Testing

@testable import Presentation

@Suite struct HistoryTableTests {
    @Test("one line per revision: when it started, when it ended, and why")
    func table() {
        let history = [
            HistoryEntry(
                revision: StatusSamples.old, version: "2", commit: "1f0c2ab9d34e", startedAt: StatusSamples.now,
                endedAt: nil,
                outcome: "stable", reason: ""),
            HistoryEntry(
                revision: StatusSamples.new, version: "1", commit: nil,
                startedAt: StatusSamples.now.addingTimeInterval(-7200),
                endedAt: StatusSamples.now.addingTimeInterval(-60), outcome: "rolled back", reason: "gate errors failed"
            ),
        ]
        #expect(
            HistoryTable.lines(history, now: StatusSamples.now, on: Canvas()) == [
                "VERSION  REVISION    COMMIT      OUTCOME      STARTED  ENDED   REASON",
                "2        aaaaaaaaaa  1f0c2ab9d3  stable       now      -",
                "1        bbbbbbbbbb  -           rolled back  2h ago   1m ago  gate errors failed",
            ])
    }
}

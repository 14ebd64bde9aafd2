import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Presentation

@Suite struct EventLinesTests {
    private static let events = [
        StoredEvent(
            id: 2, deployment: DeploymentKey(namespace: "payments", name: "fraud-scorer"),
            event: RolloutEvent(
                at: StatusSamples.now, kind: .approved, revision: StatusSamples.new, version: "3",
                message: "approved by an operator",
                actor: "ada")),
        StoredEvent(
            id: 1, deployment: DeploymentKey(name: "churn"),
            event: RolloutEvent(
                at: StatusSamples.now.addingTimeInterval(-90), kind: .warning, message: "slow\u{1B}[2J disk")),
    ]

    @Test("the oldest event comes first; the person who asked is named")
    func table() {
        #expect(
            EventLines.table(Self.events, now: StatusSamples.now, on: Canvas()) == [
                "WHEN    DEPLOYMENT             EVENT     VERSION  MESSAGE",
                "1m ago  default/churn          warning   -        slow\u{FFFD}[2J disk",
                "now     payments/fraud-scorer  approved  3        approved by an operator (ada)",
            ])
        #expect(EventLines.table([], now: StatusSamples.now, on: Canvas()) == ["no events yet"])
    }

    @Test("a reason that several events share stands once, below the table")
    func reasonOnce() {
        let reason = "candidate 31 errors of 1,020 (3.04 %), stable 96 of 9,180 (1.05 %)"
        func stored(_ id: Int, _ kind: RolloutEvent.Kind, _ message: String) -> StoredEvent {
            StoredEvent(
                id: id, deployment: DeploymentKey(name: "churn"),
                event: RolloutEvent(at: StatusSamples.now, kind: kind, message: message))
        }
        let events = [
            stored(3, .rolledBack, "version 2 serves: gate errors failed: \(reason)"),
            stored(2, .gateFailed, "gate errors failed: \(reason)"), stored(1, .paused, "paused by ada"),
        ]
        #expect(
            EventLines.table(events, now: StatusSamples.now, on: Canvas()) == [
                "WHEN  DEPLOYMENT     EVENT       VERSION  MESSAGE",
                "now   default/churn  paused      -        paused by ada",
                "now   default/churn  gateFailed  -        gate errors failed [1]",
                "now   default/churn  rolledBack  -        version 2 serves: gate errors failed [1]",
                "",
                "[1] \(reason)",
            ])
    }

    @Test("an event as it happens is one line with its time")
    func line() {
        #expect(
            EventLines.line(Self.events[0], on: Canvas())
                == "2026-11-21T09:30:00Z  payments/fraud-scorer  approved 3  approved by an operator (ada)")
    }
}

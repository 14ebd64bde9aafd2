import Controller
import Foundation
import ModelManifests
import Rollouts
import Testing

@testable import Commands

@Suite struct EventLinesTests {
    private static let events = [
        StoredEvent(
            id: 2, deployment: DeploymentKey(namespace: "payments", name: "fraud-scorer"),
            event: RolloutEvent(
                at: Samples.now, kind: .approved, revision: Samples.new, version: "3", message: "approved by an operator",
                actor: "ada")),
        StoredEvent(
            id: 1, deployment: DeploymentKey(name: "churn"),
            event: RolloutEvent(at: Samples.now.addingTimeInterval(-90), kind: .warning, message: "slow\u{1B}[2J disk")),
    ]

    @Test("the oldest comes first, as one reads; who asked is named")
    func table() {
        #expect(
            EventLines.table(Self.events, now: Samples.now, on: Canvas()) == [
                "WHEN    DEPLOYMENT             EVENT     VERSION  MESSAGE",
                "1m ago  default/churn          warning   -        slow\u{FFFD}[2J disk",
                "now     payments/fraud-scorer  approved  3        approved by an operator (ada)",
            ])
        #expect(EventLines.table([], now: Samples.now, on: Canvas()) == ["no events yet"])
    }

    @Test("an event as it happens is one line with its time")
    func line() {
        #expect(
            EventLines.line(Self.events[0], on: Canvas())
                == "2026-11-21T09:30:00Z  payments/fraud-scorer  approved 3  approved by an operator (ada)")
    }
}

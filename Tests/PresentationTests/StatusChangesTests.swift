import ControlPorts
import TestSupport
import Testing

@testable import Presentation

@Suite struct StatusChangesTests {
    @Test("each change prints one line, and nothing else does")
    func lines() {
        var changes = StatusChanges()
        #expect(
            changes.lines(StatusSamples.status, now: StatusSamples.now) == [
                "2026-11-21T09:30:00Z  default/churn  RolledBack, gate errors failed",
                "2026-11-21T09:30:00Z  payments/fraud-scorer  Progressing, 25% to version 3, step 4/6, "
                    + "waiting for evidence: no-worse-errors",
            ])
        #expect(changes.lines(StatusSamples.status, now: StatusSamples.now) == [])

        var next = StatusSamples.status
        next.deployments[0].candidate?.weight = 50
        next.deployments[0].step?.index = 4
        next.deployments[0].waitingFor = nil
        next.deployments.removeLast()
        #expect(
            changes.lines(next, now: StatusSamples.now) == [
                "2026-11-21T09:30:00Z  payments/fraud-scorer  Progressing, 50% to version 3, step 5/6, 25 % to version 3",
                "2026-11-21T09:30:00Z  default/churn  gone",
            ])
    }

    @Test("an error of the sources is reported once, and again when it is over")
    func sources() {
        var changes = StatusChanges()
        let broken = ControllerStatus(sources: [StatusSamples.brokenSource])
        #expect(changes.lines(broken, now: StatusSamples.now).count == 3)
        #expect(changes.lines(broken, now: StatusSamples.now) == [])
        #expect(
            changes.lines(ControllerStatus(sources: [StatusSamples.source]), now: StatusSamples.now)
                == ["2026-11-21T09:30:00Z  all manifests are valid"])
    }
}

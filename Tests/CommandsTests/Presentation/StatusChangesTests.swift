import Controller
import Testing

@testable import Commands

@Suite struct StatusChangesTests {
    @Test("each change prints one line, and nothing else does")
    func lines() {
        var changes = StatusChanges()
        #expect(
            changes.lines(Samples.status, now: Samples.now) == [
                "2026-11-21T09:30:00Z  default/churn  RolledBack, gate errors failed",
                "2026-11-21T09:30:00Z  payments/fraud-scorer  Progressing, 25% to version 3, step 4/6, "
                    + "waiting for evidence: no-worse-errors",
            ])
        #expect(changes.lines(Samples.status, now: Samples.now) == [])

        var next = Samples.status
        next.deployments[0].candidate?.weight = 50
        next.deployments[0].step?.index = 4
        next.deployments[0].waitingFor = nil
        next.deployments.removeLast()
        #expect(
            changes.lines(next, now: Samples.now) == [
                "2026-11-21T09:30:00Z  payments/fraud-scorer  Progressing, 50% to version 3, step 5/6, 25 % to version 3",
                "2026-11-21T09:30:00Z  default/churn  gone",
            ])
    }

    @Test("an error of the sources is reported once, and again when it is over")
    func sources() {
        var changes = StatusChanges()
        let broken = ControllerStatus(sources: [Samples.brokenSource])
        #expect(changes.lines(broken, now: Samples.now).count == 3)
        #expect(changes.lines(broken, now: Samples.now) == [])
        #expect(
            changes.lines(ControllerStatus(sources: [Samples.source]), now: Samples.now)
                == ["2026-11-21T09:30:00Z  all manifests are valid"])
    }
}

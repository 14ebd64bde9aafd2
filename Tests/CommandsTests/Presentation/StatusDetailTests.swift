import Controller
import Testing

@testable import Commands

@Suite struct StatusDetailTests {
    private func text(_ deployment: DeploymentStatus, _ sources: [SourceStatus], width: Int? = nil) -> String {
        StatusDetail(deployment: deployment, sources: sources, now: Samples.now, canvas: Canvas(width: width))
            .lines().joined(separator: "\n")
    }

    @Test("a rollout in flight: where it is, what it waits for, and what each gate has seen")
    func progressing() {
        #expect(
            text(Samples.progressing, [Samples.source]) == """
                payments/fraud-scorer
                  Phase       Progressing, since 3m ago
                  Message     25 % to version 3
                  Step        4/6  gate no-worse-errors
                  Waiting for evidence: no-worse-errors
                  Deadline    in 27m
                  Endpoint    http://127.0.0.1:9000

                             VERSION  REVISION    WEIGHT  READY  COMMIT
                  desired    3        bbbbbbbbbb  -       -      1f0c2ab9d3
                  stable     2        aaaaaaaaaa  75%     2/2    -
                  candidate  3        bbbbbbbbbb  25%     1/2    -

                  GATE             VERDICT       SAMPLES  REASON
                  no-worse-errors  insufficient  120      3 errors of 120, stable 4 of 360

                  CONDITION  STATUS  REASON       MESSAGE
                  Ready      False   Progressing  25 % to version 3

                  /srv/models.git (branch main) at 1f0c2ab9d3, looked at 5s ago
                """)
    }

    @Test("after a rollback: why, and how to try again; only its own manifest's errors are shown")
    func rolledBack() {
        #expect(
            text(Samples.rolledBack, [Samples.brokenSource]) == """
                default/churn
                  Phase       RolledBack, since 2h ago
                  Message     gate errors failed
                  Endpoint    http://127.0.0.1:9001

                           VERSION     REVISION    WEIGHT  READY  COMMIT
                  desired  2026-11-20  bbbbbbbbbb  -       -      c3
                  stable   2026-11-01  aaaaaaaaaa  100%    1/1    -

                  QUARANTINED  REVISION    SINCE   REASON
                  2026-11-20   bbbbbbbbbb  2h ago  gate errors failed: 31 of 1,020, stable 96 of 9,180
                  git still asks for it: fix the model, or 'mlctl retry default/churn' to try it again

                  /srv/models.git (branch main) at 1f0c2ab9d3, looked at 1m ago

                /srv/models.git (branch main): cannot read it: no such folder; check the path
                churn.yaml:2:1: two manifests have this name
                """)
    }

    @Test("what has never been read says so")
    func nothingYet() {
        let idle = DeploymentStatus(
            namespace: "default", name: "new", phase: .idle, since: Samples.now, message: "waiting for the first pass")
        #expect(
            text(idle, [SourceStatus(repo: "r", branch: "b")]) == """
                default/new
                  Phase       Idle, since now
                  Message     waiting for the first pass
                  Endpoint    not open

                  r (branch b) not read yet
                """)
    }

    @Test("nothing is wider than the terminal, whatever its width")
    func fits() {
        for width in 20...120 {
            let own = text(Samples.progressing, [Samples.source], width: width).split(separator: "\n")
            #expect(own.allSatisfy { String($0).columns <= width })
        }
    }
}

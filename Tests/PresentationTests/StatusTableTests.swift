import ControlPorts
import ModelManifests
import TestSupport
import Testing

@testable import Presentation

@Suite struct StatusTableTests {
    private func text(_ table: StatusTable, _ status: ControllerStatus, width: Int? = nil) -> String {
        table.lines(status, now: StatusSamples.now, on: Canvas(width: width)).joined(separator: "\n")
    }

    @Test("one line per deployment, ordered by namespace and name")
    func table() {
        #expect(
            text(StatusTable(), StatusSamples.status) == """
                NAMESPACE  NAME          PHASE        VERSION     WEIGHT  STEP  SINCE   DETAIL
                default    churn         RolledBack   2026-11-01  -       -     2h ago  gate errors failed
                payments   fraud-scorer  Progressing  2 → 3       25%     4/6   3m ago  waiting for evidence: no-worse-errors
                """)
    }

    @Test("a single namespace has no column; a narrow terminal cuts the detail")
    func narrow() {
        let status = ControllerStatus(sources: [StatusSamples.source], deployments: [StatusSamples.progressing])
        #expect(
            text(StatusTable(namespace: "payments"), status, width: 80) == """
                NAME          PHASE        VERSION  WEIGHT  STEP  SINCE   DETAIL
                fraud-scorer  Progressing  2 → 3    25%     4/6   3m ago  waiting for evidence:…
                """)
    }

    @Test("a first deployment shows no earlier version")
    func first() {
        var first = StatusSamples.progressing
        first.stable = nil
        #expect(text(StatusTable(), ControllerStatus(deployments: [first])).contains("  → 3      25%  "))
        first.candidate = nil
        #expect(text(StatusTable(), ControllerStatus(deployments: [first])).contains("  Progressing  -        -  "))
    }

    @Test("wide adds readiness, the revisions, the commit and the endpoint")
    func wide() {
        let status = ControllerStatus(sources: [StatusSamples.source], deployments: [StatusSamples.progressing])
        #expect(
            text(StatusTable(isWide: true, namespace: "payments"), status) == """
                NAME          PHASE        VERSION  WEIGHT  STEP  SINCE   READY    STABLE REVISION  CANDIDATE REVISION  COMMIT      ENDPOINT               DETAIL
                fraud-scorer  Progressing  2 → 3    25%     4/6   3m ago  2/2+1/2  aaaaaaaaaa       bbbbbbbbbb          1f0c2ab9d3  http://127.0.0.1:9000  waiting for evidence: no-worse-errors
                """)
    }

    @Test("a timed pause and a pause for an approval look different")
    func pauses() {
        var timed = StatusSamples.progressing
        timed.phase = .paused
        timed.waitingFor = "the end of a pause of 2m"
        timed.waiting = WaitStatus(
            cause: "the end of a pause of 2m", since: StatusSamples.now,
            endsAt: StatusSamples.now.addingTimeInterval(80))
        var held = timed
        held.waitingFor = "approval: 'mlctl promote'"
        held.waiting = WaitStatus(cause: "approval: 'mlctl promote'", since: StatusSamples.now, needsPerson: true)
        func last(_ status: DeploymentStatus) -> String {
            StatusTable().lines(ControllerStatus(deployments: [status]), now: StatusSamples.now, on: Canvas()).last
                ?? ""
        }
        #expect(last(timed).hasSuffix("waiting for the end of a pause of 2m (in 1m)"))
        #expect(last(held).hasSuffix("needs a person: approval: 'mlctl promote'"))
    }

    @Test("wide has a column only for problems that exist")
    func troubles() throws {
        var status = StatusSamples.progressing
        status.stable?.restarts = 2
        status.candidate?.restarts = 1
        status.cutRequests = 7
        let wide = StatusTable(isWide: true, namespace: "payments")
        let lines = wide.lines(
            ControllerStatus(deployments: [status, StatusSamples.rolledBack]), now: StatusSamples.now, on: Canvas())
        let header = try #require(lines.first)
        #expect(header.contains("ENDPOINT               RESTARTS  CUT  DETAIL"))
        #expect(!header.contains("REFUSED") && !header.contains("EJECTED") && !header.contains("UNAVAILABLE"))
        #expect(lines.contains { $0.contains("  3         7    waiting") })
        #expect(lines.contains { $0.contains("  -         -    gate errors") })
        #expect(text(StatusTable(), ControllerStatus(deployments: [status])).contains("RESTARTS") == false)
    }

    @Test("errors of the sources stand below, with what to do")
    func problems() {
        let status = ControllerStatus(sources: [StatusSamples.brokenSource], deployments: [StatusSamples.rolledBack])
        #expect(
            text(StatusTable(namespace: "default"), status) == """
                NAME   PHASE       VERSION     WEIGHT  STEP  SINCE   DETAIL
                churn  RolledBack  2026-11-01  -       -     2h ago  gate errors failed

                /srv/models.git (branch main): cannot read it: no such folder; check the path
                churn.yaml:2:1: two manifests have this name
                payments/fraud.yaml:7:3: spec.replica: unknown field (did you mean 'replicas'?)
                """)
    }

    @Test("a controller without deployments says what to do")
    func empty() {
        #expect(
            text(StatusTable(), ControllerStatus(sources: [StatusSamples.source])) == """
                no deployments yet: commit a ModelDeployment to /srv/models.git (branch main), then run 'mlctl sync'
                """)
        #expect(
            text(StatusTable(namespace: "x"), ControllerStatus(sources: [StatusSamples.source]))
                == "no deployments in namespace 'x'; without -n, all are shown")
    }

    @Test("of ten thousand mistakes a few are shown, with what shows all")
    func manyProblems() {
        var source = StatusSamples.brokenSource
        source.project = "risk"
        source.error = nil
        source.diagnostics = (0..<10_000).map { number in
            Diagnostic(
                file: "m\(number).yaml", line: 1, column: 1, message: "wrong",
                deployment: DeploymentKey(name: "m\(number)"))
        }
        source.diagnosticsLeftOut = 7
        let lines = SourceProblems.lines([source], on: Canvas())
        #expect(lines.count == SourceProblems.shown + 2)
        #expect(lines.last == "and 10002 more: mlctl status --project risk -o json")
        #expect(SourceProblems.lines([source], for: DeploymentKey(name: "m7"), on: Canvas()).count == 2)
        source.diagnostics = Array(source.diagnostics.prefix(SourceProblems.shown))
        source.diagnosticsLeftOut = nil
        #expect(SourceProblems.lines([source], on: Canvas()).count == SourceProblems.shown + 1)
    }
}

import ControlPorts
import Foundation
import Rollouts
import TestSupport
import Testing

@testable import Presentation

@Suite struct StatusDetailTests {
    private func text(_ deployment: DeploymentStatus, _ sources: [SourceStatus], width: Int? = nil) -> String {
        StatusDetail(deployment: deployment, sources: sources, now: StatusSamples.now, canvas: Canvas(width: width))
            .lines().joined(separator: "\n")
    }

    @Test("a rollout in progress: its step, what it waits for, and what each gate has measured")
    func progressing() {
        #expect(
            text(StatusSamples.progressing, [StatusSamples.source]) == """
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

                  /srv/models.git (branch main) at 1f0c2ab9d3, read 5s ago
                """)
    }

    @Test("a gate that only warns is marked, and what a gate still needs stands beside its measurement")
    func gates() {
        var status = StatusSamples.progressing
        status.gates[0].missing = "about 700 more requests, 4 minutes at this rate"
        status.gates.append(
            GateSummary(
                name: "predictions", verdict: "fail", samples: 90, reason: "would have failed: r", warnOnly: true))
        let shown = text(status, [StatusSamples.source])
        #expect(shown.contains("stable 4 of 360; about 700 more requests, 4 minutes at this rate"))
        #expect(shown.contains("predictions      fail (warnOnly)  90       would have failed: r"))
    }

    @Test("after a rollback: why, and how to retry; only errors of its own manifest are shown")
    func rolledBack() {
        #expect(
            text(StatusSamples.rolledBack, [StatusSamples.brokenSource]) == """
                default/churn
                  Phase       RolledBack, since 2h ago
                  Message     gate errors failed
                  Endpoint    http://127.0.0.1:9001

                           VERSION     REVISION    WEIGHT  READY  COMMIT
                  desired  2026-11-20  bbbbbbbbbb  -       -      c3
                  stable   2026-11-01  aaaaaaaaaa  100%    1/1    -

                  QUARANTINED  REVISION    SINCE   REASON
                  2026-11-20   bbbbbbbbbb  2h ago  gate errors failed: 31 of 1,020, stable 96 of 9,180
                  git still asks for it: fix the model, or run 'mlctl retry default/churn' to try it again

                  /srv/models.git (branch main) at 1f0c2ab9d3, read 1m ago

                /srv/models.git (branch main): cannot read it: no such folder; check the path
                churn.yaml:2:1: two manifests have this name
                """)
    }

    @Test("a reason stands once: with its gate, or below the tables")
    func reasonOnce() {
        let reason = "candidate 31 errors of 1,020 (3.04 %), stable 96 of 9,180 (1.05 %)"
        var status = StatusSamples.rolledBack
        status.message = "gate errors failed: \(reason)"
        status.quarantined[0].reason = "gate errors failed: \(reason)"
        status.conditions = [
            Condition(type: "Ready", status: "True", reason: "RolledBack", message: "gate errors failed: \(reason)")
        ]
        let shared = text(status, [])
        #expect(shared.components(separatedBy: reason).count == 2)
        #expect(shared.contains("Message     gate errors failed [1]") && shared.hasSuffix("\n  [1] \(reason)"))
        status.gates = [GateSummary(name: "errors", verdict: "fail", samples: 1020, reason: reason)]
        let gated = text(status, [])
        #expect(gated.components(separatedBy: reason).count == 2)
        #expect(gated.contains("Message     gate errors failed\n") && !gated.contains("[1]"))
    }

    @Test("the reason of a failed gate is shown completely below a table that cuts it")
    func wholeReason() {
        var status = StatusSamples.progressing
        status.gates[0].verdict = "fail"
        let reason = status.gates[0].reason
        #expect(!text(status, [], width: 100).contains("no-worse-errors  \(reason)"))
        status.gates[0].reason += ", " + String(repeating: "more and more of it ", count: 3) + "at last"
        let narrow = text(status, [], width: 60).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(narrow.contains("no-worse-errors \(status.gates[0].reason)"))
        status.gates[0].verdict = "insufficient"
        #expect(!text(status, [], width: 60).contains("at last"))
    }

    @Test("a wait shows its cause, its duration, its end, and what to do")
    func waiting() {
        var status = StatusSamples.progressing
        status.waiting = WaitStatus(
            cause: "evidence: no-worse-errors", remedy: "'mlctl promote'",
            since: StatusSamples.now.addingTimeInterval(-120),
            endsAt: StatusSamples.now.addingTimeInterval(1620))
        #expect(
            text(status, []).contains(
                """
                  Waiting for evidence: no-worse-errors
                              since 2m ago; ends by itself in 27m
                  What to do  'mlctl promote'
                """))
        status.waiting?.needsPerson = true
        #expect(text(status, []).contains("  Waiting for a person: evidence: no-worse-errors"))
        #expect(text(status, []).contains("since 2m ago; does not end by itself"))
    }

    @Test("restarts, instances out of rotation and requests that were cut off are shown where there are any")
    func troubles() {
        var status = StatusSamples.progressing
        let quiet = text(status, [])
        for word in ["Cut off", "Refused", "Unavailable", "Abandoned", "INSTANCE", "RESTARTS"] {
            #expect(!quiet.contains(word))
        }
        status.cutRequests = 7
        status.refusedConnections = 9
        status.candidate?.unavailable = 11
        status.candidate?.abandoned = 13
        status.instances = [
            InstanceStatus(id: "a-1", revision: StatusSamples.new, condition: "ready", restarts: 3),
            InstanceStatus(id: "a-2", revision: StatusSamples.new, condition: "ready", ejected: true),
            InstanceStatus(id: "a-3", revision: StatusSamples.old, condition: "ready"),
        ]
        let loud = text(status, [])
        #expect(loud.contains("Cut off     7 requests that took longer than the drain timeout"))
        #expect(loud.contains("Refused     9 connections that no instance accepted"))
        #expect(loud.contains("Unavailable 11 requests for version 3, which could not accept them"))
        #expect(loud.contains("Abandoned   13 clients of version 3 gave up before it answered"))
        #expect(loud.contains("a-1       ready                   3         -"))
        #expect(loud.contains("a-2       ready, without traffic  0         -"))
        #expect(!loud.contains("a-3"))
    }

    @Test("a deployment without any reading says so")
    func nothingYet() {
        let idle = DeploymentStatus(
            namespace: "default", name: "new", phase: .idle, since: StatusSamples.now,
            message: "waiting for the first pass")
        #expect(
            text(idle, [SourceStatus(repo: "r", branch: "b")]) == """
                default/new
                  Phase       Idle, since now
                  Message     waiting for the first pass
                  Endpoint    not open

                  r (branch b) not read yet
                """)
    }

    @Test("no line is wider than the terminal, at any width")
    func fits() {
        for width in 20...120 {
            let own = text(StatusSamples.progressing, [StatusSamples.source], width: width).split(separator: "\n")
            #expect(own.allSatisfy { String($0).columns <= width })
        }
    }
}

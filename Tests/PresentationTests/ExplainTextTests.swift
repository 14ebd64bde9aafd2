import Analysis
import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Presentation

@Suite struct ExplainTextTests {
    private static func stored(
        _ kind: RolloutEvent.Kind, _ ago: TimeInterval, _ message: String, evidence: [GateSummary] = [],
        actor: String? = nil
    ) -> StoredEvent {
        StoredEvent(
            id: 1, deployment: StatusSamples.progressing.key,
            event: RolloutEvent(
                at: StatusSamples.now.addingTimeInterval(-ago), kind: kind, revision: StatusSamples.new, version: "3",
                commit: "1f0c2ab9d34e", message: message, actor: actor, evidence: evidence))
    }

    private static let words = GateSpec(
        name: "no-worse-errors", kind: .compare(CompareGate(metric: .errors, minSamples: 200))
    ).words(alpha: 0.0025, missedRegressionRate: 0.05)

    private static let progressing = DeploymentExplanation(
        status: StatusSamples.progressing,
        outlook: [
            Outlook(when: "when gate no-worse-errors passes", then: "step 5 of 6: set weight 50 %"),
            Outlook(when: "if a gate fails", then: "all traffic goes to version 2, and version 3 is not tried again"),
            Outlook(
                when: "if gates still lack data by then", at: StatusSamples.now.addingTimeInterval(1620),
                then: "it pauses until every gate passes, or 'mlctl promote'"),
        ],
        gates: [GateExplanation(summary: StatusSamples.progressing.gates[0], words: words)],
        steps: [
            StepExplanation(description: "set weight 25 %", place: .done),
            StepExplanation(description: "gate no-worse-errors", place: .current),
            StepExplanation(description: "set weight 100 %", place: .ahead),
        ],
        events: [
            stored(.rolloutStarted, 260, "version 3 (bbbbbbbbbb) from commit 1f0c2ab9d3"),
            stored(.stepStarted, 200, "step 4 of 6: gate no-worse-errors"),
            stored(.resumed, 100, "resumed by ada", actor: "ada"),
        ])

    private static let rolledBack: DeploymentExplanation = {
        let evidence = [
            GateSummary(
                name: "errors", verdict: "fail", samples: 1020,
                reason: "candidate 31 errors of 1,020 (3.04 %), stable 96 of 9,180 (1.05 %), ratio 2.91; "
                    + "412 to 1 against being within tolerance")
        ]
        let reason = "gate errors failed: \(evidence[0].reason)"
        let rollback = stored(.rollingBack, 7210, reason, evidence: evidence)
        return DeploymentExplanation(
            status: StatusSamples.rolledBack,
            outlook: [
                Outlook(when: "when git asks for another template", then: "it is rolled out"),
                Outlook(when: "on 'mlctl retry'", then: "version 2026-11-20 is tried again, with new evidence"),
            ],
            gates: [GateExplanation(summary: evidence[0], words: nil)],
            events: [rollback], rollback: rollback)
    }()

    private func text(_ explanation: DeploymentExplanation, width: Int? = nil) -> String {
        ExplainText(explanation: explanation, now: StatusSamples.now, canvas: Canvas(width: width)).lines()
            .joined(separator: "\n")
    }

    @Test("a rollout in progress: the question and the evidence of each gate, the steps, and what comes next")
    func progressing() {
        let expected = """
            payments/fraud-scorer: version 3 is compared with version 2

              phase        Progressing, since 3m ago
              because      25 % to version 3
              step         4/6  gate no-worse-errors
              traffic      75 % to version 2 (2/2 ready), 25 % to version 3 (1/2 ready)
              waiting for  evidence: no-worse-errors

            What happens next
              when gate no-worse-errors passes           step 5 of 6: set weight 50 %
              if a gate fails                            all traffic goes to version 2, and version 3 is not tried again
              if gates still lack data by then (in 27m)  it pauses until every gate passes, or 'mlctl promote'

            Gates
              no-worse-errors  insufficient, 120 samples
                question does the candidate fail requests more often than stable, by more than 10 %?
                found    3 errors of 120, stable 4 of 360
                passes   odds of 20 to 1 against a regression beyond 50 % or 0.5 percentage points, on 200 samples or more
                fails    odds of 400 to 1 against being within 10 %
                assumes  failures of an instance within 5 ms, or without a good answer between them, are one event of up to 60 requests or 2 s; events do not depend on each other, and before the first event failures count as single ones

            Steps
              1     set weight 25 %
              2 →   gate no-worse-errors
              3     set weight 100 %

            Events so far
              WHEN    EVENT           MESSAGE
              4m ago  rolloutStarted  version 3 (bbbbbbbbbb) from commit 1f0c2ab9d3
              3m ago  stepStarted     step 4 of 6: gate no-worse-errors
              1m ago  resumed         resumed by ada (ada)
            """
        #expect(text(Self.progressing) == expected)
    }

    @Test("a rollback: the decision, its evidence, and what to do")
    func rolledBack() {
        let expected = """
            default/churn: version 2026-11-20 was rolled back, and version 2026-11-01 serves

              phase        RolledBack, since 2h ago
              traffic      100 % to version 2026-11-01 (1/1 ready)

            Why it was rolled back
              when         2h ago (2026-11-21T07:29:50Z)
              why          gate errors failed
              what         version 3, revision bbbbbbbbbb
              commit       1f0c2ab9d3

            What happens next
              when git asks for another template  it is rolled out
              on 'mlctl retry'                    version 2026-11-20 is tried again, with new evidence

            Gates at the time of the rollback
              errors  fail, 1020 samples
                found    candidate 31 errors of 1,020 (3.04 %), stable 96 of 9,180 (1.05 %), ratio 2.91; 412 to 1 against being within tolerance

            Events of the last rollout
              WHEN    EVENT        MESSAGE
              2h ago  rollingBack  gate errors failed

            Not tried again
              bbbbbbbbbb   version 2026-11-20, 2h ago: gate errors failed: 31 of 1,020, stable 96 of 9,180

            What to do
              see what its servers printed: mlctl logs default/churn --revision bbbbbbbbbb
              evaluate the same readings again: mlctl events default/churn --export --rollout bbbbbbbbbb > readings.jsonl, then mlctl replay --manifest FILE --data readings.jsonl
              fix the model and commit it, or try the same revision again: mlctl retry default/churn
            """
        #expect(text(Self.rolledBack) == expected)
    }

    @Test("the reason of a failed gate stands once, below the gate")
    func reasonOnce() {
        var explanation = Self.rolledBack
        let reason = explanation.gates[0].summary.reason
        explanation.events.append(Self.stored(.rolledBack, 7200, "version 2 serves: gate errors failed: \(reason)"))
        explanation.status.quarantined[0].reason = "gate errors failed: \(reason)"
        let shown = text(explanation)
        #expect(shown.components(separatedBy: reason).count == 2)
        #expect(shown.contains("found    \(reason)"))
        #expect(shown.contains("rolledBack   version 2 serves\n"))
    }

    @Test("important text is wrapped, never cut")
    func wraps() {
        let narrow = text(Self.rolledBack, width: 60)
        #expect(narrow.split(separator: "\n").allSatisfy { $0.count <= 60 })
        let joined = narrow.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(joined.contains("412 to 1 against being within tolerance"))
    }

    @Test("no line is wider than the terminal, at any width, also in colour")
    func fits() {
        for width in 30...120 {
            let lines = text(Self.progressing, width: width).split(separator: "\n")
            #expect(lines.allSatisfy { String($0).columns <= width }, "\(width)")
        }
        let coloured = ExplainText(
            explanation: Self.progressing, now: StatusSamples.now, canvas: Canvas(width: 80, hasColour: true)
        ).lines().joined(separator: "\n")
        #expect(coloured.replacing(/\u{1B}\[[0-9]*m/, with: "") == text(Self.progressing, width: 80))
    }

    @Test("the newest failed requests stand below the gates")
    func failedRequests() {
        var explanation = Self.progressing
        explanation.failedRequestIds = (1...7).map { "bbbbbbbbbb-\($0)" }
        let shown = text(explanation)
        let expected = """
            The last failed requests
              bbbbbbbbbb-3
              bbbbbbbbbb-4
              bbbbbbbbbb-5
              bbbbbbbbbb-6
              bbbbbbbbbb-7

            Steps
            """
        #expect(shown.contains(expected))
    }

    @Test("only the newest events are shown, with the command for the others")
    func manyEvents() {
        var explanation = Self.progressing
        explanation.events = (0..<60).map { Self.stored(.paused, Double(100 - $0), "number \($0).") }
        let shown = text(explanation)
        #expect(shown.contains("20 earlier: mlctl events payments/fraud-scorer"))
        #expect(!shown.contains("number 19.") && shown.contains("number 20.") && shown.contains("number 59."))
    }

    @Test("terminal control sequences are removed")
    func printable() {
        var explanation = Self.rolledBack
        explanation.rollback?.event.message = "bell \u{7}, escape \u{1B}[31m"
        #expect(!text(explanation).unicodeScalars.contains { $0.value == 7 || $0.value == 0x1B })
    }

    @Test("after a manual rollback it names the rejected version, not the one that serves again")
    func leftVersion() {
        var status = StatusSamples.rolledBack
        status.leftVersion = "2026-11-15"
        var explanation = DeploymentExplanation(status: status)
        explanation.left = LeftRevision(version: "2026-11-15", revision: Revision(rawValue: "cccccccccc"))
        explanation.rollback = Self.stored(.rollingBack, 60, "from version 2026-11-15 back to version 2026-11-01")
        let text = ExplainText(explanation: explanation, now: StatusSamples.now, canvas: Canvas()).lines()
            .joined(separator: "\n")
        #expect(text.contains("version 2026-11-15 was rolled back, and version 2026-11-01 serves"))
        #expect(text.contains("version 2026-11-15, revision cccccccccc"))
        #expect(text.contains("--revision cccccccccc") && !text.contains("--revision \(StatusSamples.new)"))
        status.phase = .preparing
        status.candidate = status.stable
        #expect(StatusSummary.headline(status) == "rolling back from version 2026-11-15 to version 2026-11-01")
    }

    @Test("says that a degraded deployment does not serve correctly, or that this is not known")
    func degraded() {
        var status = StatusSamples.rolledBack
        status.phase = .degraded
        status.conditions = [Condition(type: "Available", status: "False", reason: "TooFewInstances", message: "")]
        #expect(StatusSummary.headline(status) == "version 2026-11-01 is not fully available")
        status.conditions[0].status = "Unknown"
        #expect(StatusSummary.headline(status) == "it is unknown whether version 2026-11-01 serves")
    }
}

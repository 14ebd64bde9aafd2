import ControlPorts
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Commands

@Suite struct WaitGoalTests {
    private struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var target: WaitGoal.Target = .healthy
        var commit: String? = "c3"
        var status: ControllerStatus
        /// Commits that are the goal's or descend from it.
        var included: Set<String> = ["c3", "c4"]
        var verdict: WaitGoal.Verdict

        var testDescription: String { name }
    }

    private static let key = DeploymentKey(name: "churn")

    private static func status(
        _ phase: Phase, desired: Revision = StatusSamples.new, at commit: String = "c3",
        stable: Revision? = StatusSamples.old,
        quarantined: [Revision] = [], gates: [GateSummary] = [], sources: [SourceStatus] = [],
        endpoint: String? = "http://127.0.0.1:9000", isReady: Bool = true, message: String = "m"
    ) -> ControllerStatus {
        let ready = phase == .healthy && stable == desired && isReady
        return ControllerStatus(
            sources: sources,
            deployments: [
                DeploymentStatus(
                    namespace: "default", name: "churn", phase: phase, since: StatusSamples.now, message: "m",
                    endpoint: endpoint,
                    desired: DesiredStatus(revision: desired, version: "3", commit: commit),
                    stable: stable.map {
                        RevisionStatus(revision: $0, version: "2", weight: 100, replicas: 1, ready: 1)
                    },
                    gates: gates,
                    quarantined: quarantined.map {
                        QuarantineStatus(
                            revision: $0, version: "3", reason: "gate errors failed", at: StatusSamples.now)
                    },
                    conditions: [
                        Condition(type: "Ready", status: ready ? "True" : "False", reason: "r", message: message)
                    ])
            ])
    }

    private static let healthyText = "default/churn is healthy at version 3 (bbbbbbbbbb)"
    private static let rolledBackText = "default/churn: version 3 was rolled back: gate errors failed"

    private static let cases: [Case] = [
        Case(
            name: "the wanted revision is stable: healthy",
            status: status(.healthy, stable: StatusSamples.new), verdict: .met(healthyText)),
        Case(
            name: "an endpoint that is not open is not healthy, whatever the phase",
            status: status(.healthy, stable: StatusSamples.new, endpoint: nil),
            verdict: .waiting("Healthy, m, but its endpoint is not open")),
        Case(
            name: "what is not ready is not healthy, whatever the phase",
            status: status(.healthy, stable: StatusSamples.new, isReady: false, message: "git is away"),
            verdict: .waiting("Healthy, m, but not ready: git is away")),
        Case(
            name: "what is degraded is waited for, with the reason",
            status: status(.degraded, stable: StatusSamples.new), verdict: .waiting("Degraded, m")),
        Case(
            name: "rolled back ends the wait also where stable is degraded since",
            status: status(.degraded, quarantined: [StatusSamples.new]), verdict: .failed(.rolledBack, rolledBackText)),
        Case(
            name: "a descendant of the commit counts",
            status: status(.healthy, at: "c4", stable: StatusSamples.new), verdict: .met(healthyText)),
        Case(
            name: "an earlier commit does not",
            status: status(.healthy, desired: StatusSamples.old, at: "c2"),
            verdict: .waiting("the controller has not read commit c3 yet; it is at c2")),
        Case(
            name: "without a commit, what is wanted now counts", commit: nil,
            status: status(.healthy, at: "c1", stable: StatusSamples.new), included: [], verdict: .met(healthyText)),
        Case(
            name: "healthy, but with the revision before: the rollout has not begun",
            status: status(.healthy), verdict: .waiting("Healthy, m")),
        Case(
            name: "the phase of the revision before says nothing about the new one",
            status: status(.rolledBack, quarantined: [Revision(rawValue: "cccccccccc")]),
            verdict: .waiting("RolledBack, m")),
        Case(
            name: "on its way", status: status(.progressing), verdict: .waiting("Progressing, m")),
        Case(
            name: "probation is not healthy yet",
            status: status(.probation, stable: StatusSamples.new), verdict: .waiting("Probation, m")),
        Case(
            name: "being rolled back is not over",
            status: status(.rollingBack, quarantined: [StatusSamples.new]), verdict: .waiting("RollingBack, m")),
        Case(
            name: "rolled back ends the wait for healthy, with the gates' reasons",
            status: status(
                .rolledBack, quarantined: [StatusSamples.new],
                gates: [
                    GateSummary(name: "errors", verdict: "fail", samples: 9, reason: "9 of 9"),
                    GateSummary(name: "slow", verdict: "pass", samples: 9, reason: "fast"),
                ]),
            verdict: .failed(.rolledBack, rolledBackText + "; errors: 9 of 9")),
        Case(
            name: "asked for again while in quarantine: rolled back, though stable is healthy",
            status: status(.healthy, quarantined: [StatusSamples.new]), verdict: .failed(.rolledBack, rolledBackText)),
        Case(
            name: "rolled back meets the wait for a rollback", target: .rolledback,
            status: status(.rolledBack, quarantined: [StatusSamples.new]), verdict: .met(rolledBackText)),
        Case(
            name: "a rollback of an earlier commit does not", target: .rolledback,
            status: status(.rolledBack, at: "c2", quarantined: [StatusSamples.new]),
            verdict: .waiting("the controller has not read commit c3 yet; it is at c2")),
        Case(
            name: "promoted ends the wait for a rollback", target: .rolledback,
            status: status(.healthy, stable: StatusSamples.new),
            verdict: .failed(.failed, "default/churn: version 3 was not rolled back; it is healthy")),
        Case(
            name: "without a commit a rollback may still come", target: .rolledback, commit: nil,
            status: status(.healthy, stable: StatusSamples.new), verdict: .waiting("Healthy, m")),
        Case(
            name: "without a commit the phase is enough", target: .rolledback, commit: nil,
            status: status(.rolledBack), verdict: .met("default/churn was rolled back: m")),
        Case(
            name: "a deployment that is not there yet is waited for, and a source's trouble is told",
            status: ControllerStatus(sources: [SourceStatus(repo: "r", branch: "b", error: "git is away")]),
            verdict: .waiting("deployment 'default/churn' does not exist yet (git is away)")),
        Case(
            name: "an invalid manifest at the commit ends the wait at once",
            status: status(.healthy, stable: StatusSamples.new, sources: [invalidSource(at: "c3")]),
            verdict: .failed(.wrongUsage, "the manifest of default/churn is invalid at c3: churn.yaml:2:1: no runtime")),
        Case(
            name: "an invalid manifest before the commit does not",
            status: status(.healthy, desired: StatusSamples.old, at: "c2", sources: [invalidSource(at: "c2")]),
            verdict: .waiting("the controller has not read commit c3 yet; it is at c2")),
        Case(
            name: "another deployment's invalid manifest is none of it",
            status: status(
                .healthy, stable: StatusSamples.new,
                sources: [
                    SourceStatus(
                        repo: "r", branch: "b", commit: "c3",
                        diagnostics: [Diagnostic(file: "x.yaml", message: "m", deployment: DeploymentKey(name: "x"))])
                ]),
            verdict: .met(healthyText)),
    ]

    private static func invalidSource(at commit: String) -> SourceStatus {
        SourceStatus(
            repo: "r", branch: "b", commit: commit,
            diagnostics: [Diagnostic(file: "churn.yaml", line: 2, column: 1, message: "no runtime", deployment: key)])
    }

    @Test("whether the goal is met", arguments: cases)
    private func verdict(_ example: Case) {
        let goal = WaitGoal(deployment: Self.key, target: example.target, commit: example.commit)
        let verdict = goal.verdict(example.status) { example.included.contains($0) }
        #expect(verdict == example.verdict)
    }
}

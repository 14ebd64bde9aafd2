import ControlPorts
import Foundation
import ModelManifests
import Rollouts

/// Statuses of some deployments, for tests of what people see.
package enum StatusSamples {
    package static let now = Date(timeIntervalSince1970: 1_795_253_400)
    package static let old = Revision(rawValue: "aaaaaaaaaa")
    package static let new = Revision(rawValue: "bbbbbbbbbb")

    package static let source = SourceStatus(
        repo: "/srv/models.git", branch: "main", commit: "1f0c2ab9d34e", fetchedAt: now.addingTimeInterval(-5))

    package static let brokenSource = SourceStatus(
        repo: "/srv/models.git", branch: "main", commit: "1f0c2ab9d34e", fetchedAt: now.addingTimeInterval(-90),
        error: "cannot read it: no such folder; check the path",
        diagnostics: [
            Diagnostic(
                file: "payments/fraud.yaml", line: 7, column: 3, path: "spec.replica", message: "unknown field",
                suggestion: "did you mean 'replicas'?",
                deployment: DeploymentKey(namespace: "payments", name: "fraud-scorer")),
            Diagnostic(
                file: "churn.yaml", line: 2, column: 1, message: "two manifests have this name",
                deployment: DeploymentKey(name: "churn")),
        ])

    package static let progressing = DeploymentStatus(
        namespace: "payments", name: "fraud-scorer", phase: .progressing, since: now.addingTimeInterval(-200),
        message: "25 % to version 3", waitingFor: "evidence: no-worse-errors",
        deadlineAt: now.addingTimeInterval(1620), endpoint: "http://127.0.0.1:9000",
        desired: DesiredStatus(revision: new, version: "3", commit: "1f0c2ab9d34e"),
        stable: RevisionStatus(revision: old, version: "2", weight: 75, replicas: 2, ready: 2),
        candidate: RevisionStatus(revision: new, version: "3", weight: 25, replicas: 2, ready: 1),
        step: StepStatus(index: 3, count: 6, description: "gate no-worse-errors"),
        gates: [
            GateSummary(
                name: "no-worse-errors", verdict: "insufficient", samples: 120,
                reason: "3 errors of 120, stable 4 of 360")
        ],
        conditions: [
            ControlPorts.Condition(type: "Ready", status: "False", reason: "Progressing", message: "25 % to version 3")
        ])

    package static let rolledBack = DeploymentStatus(
        namespace: "default", name: "churn", phase: .rolledBack, since: now.addingTimeInterval(-7200),
        message: "gate errors failed", endpoint: "http://127.0.0.1:9001",
        desired: DesiredStatus(revision: new, version: "2026-11-20", commit: "c3"),
        stable: RevisionStatus(revision: old, version: "2026-11-01", weight: 100, replicas: 1, ready: 1),
        quarantined: [
            QuarantineStatus(
                revision: new, version: "2026-11-20", reason: "gate errors failed: 31 of 1,020, stable 96 of 9,180",
                at: now.addingTimeInterval(-7200))
        ])

    package static let status = ControllerStatus(sources: [source], deployments: [progressing, rolledBack])
}

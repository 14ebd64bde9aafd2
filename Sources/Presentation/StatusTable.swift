import ControlPorts
import Foundation
import ModelManifests

/// The output of `mlctl status`: one line per deployment, followed by problems of the repositories.
package struct StatusTable {
    package var isWide: Bool
    /// Nil shows all namespaces, with a column for the namespace.
    package var namespace: String?

    package init(isWide: Bool = false, namespace: String? = nil) {
        self.isWide = isWide
        self.namespace = namespace
    }

    package func lines(_ status: ControllerStatus, now: Date, on canvas: Canvas) -> [String] {
        let problems = SourceProblems.lines(status.sources, on: canvas)
        guard !status.deployments.isEmpty else { return canvas.wrapped(emptyText(status.sources)) + problems }
        let troubles =
            isWide ? ProblemColumn.all.filter { column in status.deployments.contains { column.isAny($0) } } : []
        // With a single project, the column would say the same on every line.
        let showsProject = status.sources.count > 1 || status.deployments.contains { $0.project == nil }
        var table = TextTable(
            (showsProject ? ["PROJECT"] : []) + (namespace == nil ? ["NAMESPACE"] : []) + columns(troubles))
        for deployment in status.deployments.sorted(by: { $0.key < $1.key }) {
            let wide = isWide ? wideCells(deployment) + troubles.map { $0.cell(deployment) } : []
            let own = cells(deployment, now: now) + wide + [detail(deployment, now: now)]
            let project = deployment.project.map { TextTable.Cell($0) } ?? .none
            table.add(
                (showsProject ? [project] : []) + (namespace == nil ? [TextTable.Cell(deployment.namespace)] : []) + own
            )
        }
        return table.lines(on: canvas) + problems
    }

    private func columns(_ troubles: [ProblemColumn]) -> [String] {
        ["NAME", "PHASE", "VERSION", "WEIGHT", "STEP", "SINCE"]
            + (isWide ? ["READY", "STABLE REVISION", "CANDIDATE REVISION", "COMMIT", "ENDPOINT"] : [])
            + troubles.map(\.header) + ["DETAIL"]
    }

    private func cells(_ deployment: DeploymentStatus, now: Date) -> [TextTable.Cell] {
        [
            TextTable.Cell(deployment.name, .heading), phase(deployment, now: now),
            versions(deployment), deployment.candidate.map { TextTable.Cell("\($0.weight)%") } ?? .none,
            deployment.step.map { TextTable.Cell($0.position) } ?? .none,
            TextTable.Cell(RelativeTime.text(deployment.since, now: now)),
        ]
    }

    /// The phase, with its age where it is not current: `Healthy (4m ago)`.
    private func phase(_ deployment: DeploymentStatus, now: Date) -> TextTable.Cell {
        guard let seen = deployment.lastSeenAt else {
            return TextTable.Cell(deployment.shownPhase, deployment.tone)
        }
        return TextTable.Cell("\(deployment.shownPhase) (\(RelativeTime.text(seen, now: now)))", .warning)
    }

    /// `2`, or `2 → 3` during a rollout.
    private func versions(_ deployment: DeploymentStatus) -> TextTable.Cell {
        switch (deployment.stable?.version, deployment.candidate?.version) {
        case (nil, nil): .none
        case (let stable?, nil): TextTable.Cell(stable)
        case (let stable, let candidate?): TextTable.Cell("\(stable.map { "\($0) " } ?? "")→ \(candidate)", .active)
        }
    }

    private func wideCells(_ deployment: DeploymentStatus) -> [TextTable.Cell] {
        let revisions = [deployment.stable, deployment.candidate].compactMap { $0 }
        let ready = revisions.map { "\($0.ready)/\($0.replicas)" }.joined(separator: "+")
        return [
            ready.isEmpty ? .none : TextTable.Cell(ready),
            deployment.stable.map { TextTable.Cell($0.revision.rawValue) } ?? .none,
            deployment.candidate.map { TextTable.Cell($0.revision.rawValue) } ?? .none,
            deployment.desired.map { TextTable.Cell($0.commit.shortCommit) } ?? .none,
            deployment.endpoint.map { TextTable.Cell($0) } ?? .none,
        ]
    }

    private func detail(_ deployment: DeploymentStatus, now: Date) -> TextTable.Cell {
        let text = deployment.standing ?? ""
        guard text.hasPrefix("waiting for ") || text.hasPrefix("needs a person") else { return TextTable.Cell(text) }
        let end =
            deployment.isTimedPause ? deployment.waiting?.endsAt.map { " (\(RelativeTime.text($0, now: now)))" } : nil
        return TextTable.Cell(text + (end ?? ""), end == nil ? .warning : .plain)
    }

    private func emptyText(_ sources: [SourceStatus]) -> String {
        if let namespace { return "no deployments in namespace '\(namespace)'; without -n, all are shown" }
        guard let source = sources.first else { return "no deployments yet: the controller has no repository" }
        return "no deployments yet: commit a ModelDeployment to \(source.repo) (\(source.referenceText)), "
            + "then run 'mlctl sync'"
    }
}

extension SourceStatus {
    /// `branch main`, or a tag or version range.
    package var referenceText: String {
        ["tag ", "semver "].contains { branch.hasPrefix($0) } ? branch : "branch \(branch)"
    }
}

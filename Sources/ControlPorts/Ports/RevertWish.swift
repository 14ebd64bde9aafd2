import Foundation
import ModelManifests
import Rollouts

/// A revert that git should have: its manifest asks for a revision that failed, and another one serves.
package struct RevertWish: Hashable, Sendable {
    package var deployment: DeploymentKey
    package var failed: Revision
    package var failedVersion: String
    package var served: Revision
    package var servedVersion: String
    /// The commit whose manifest asked for what serves.
    package var servedCommit: String
    package var reason: String
    package var decidedAt: Date

    package init(
        deployment: DeploymentKey, failed: Revision, failedVersion: String, served: Revision, servedVersion: String,
        servedCommit: String, reason: String, decidedAt: Date
    ) {
        (self.deployment, self.reason, self.decidedAt) = (deployment, reason, decidedAt)
        (self.failed, self.failedVersion) = (failed, failedVersion)
        (self.served, self.servedVersion, self.servedCommit) = (served, servedVersion, servedCommit)
    }

    /// - Parameter state: in agreement with the commit that was read.
    /// - Returns: nil where git asks for what serves, for something that may still come, or for nothing.
    package init?(_ state: RolloutState) {
        let wanted = state.settings.template.revision
        guard case .resting(let rest) = state.course, rest.setback != nil, let stable = state.stable,
            stable.revision != wanted, let failure = state.quarantine(of: wanted),
            state.quarantine(of: stable.revision) == nil
        else { return nil }
        deployment = state.key
        failed = wanted
        failedVersion = state.settings.template.model.version
        served = stable.revision
        servedVersion = stable.version
        servedCommit = stable.commit
        reason = failure.reason
        decidedAt = failure.at
    }

    /// Branches of one deployment's reverts: `mlctl/revert/NAMESPACE/NAME/REVISION`.
    package static func branchFolder(_ deployment: DeploymentKey) -> String {
        "refs/heads/mlctl/revert/\(deployment.namespace)/\(deployment.name)/"
    }

    package var branch: String { Self.branchFolder(deployment) + failed.rawValue }

    /// The line by which a commit is recognized as the revert of a revision, whoever merged it.
    package static func trailer(_ deployment: DeploymentKey, _ revision: String) -> String {
        "Mlctl-Revert: \(deployment) \(revision)"
    }

    package var trailer: String { Self.trailer(deployment, failed.rawValue) }

    private static let linesMax = 40

    /// Files of the controller's machine mean nothing in a repository.
    private static func withoutPaths(_ line: String) -> String {
        line.replacing(#/; its output is in ("[^"]*"|\S+)/#, with: "")
    }

    /// - Parameter event: of the rollback, with the gates' evidence; nil where the trail does not have it any more.
    package func message(_ event: RolloutEvent?) -> String {
        var lines = [
            "Revert \(deployment) to version \(servedVersion)", "",
            "Version \(failedVersion) was rolled back: \(reason)", "",
            "Revision \(failed.rawValue) failed, and \(served.rawValue) serves. This commit changes only the fields of the",
            "deployment that make a revision, so that git asks for what serves.",
        ]
        let gates = (event?.evidence ?? []).prefix(Self.linesMax).map { gate in
            "- \(gate.name): \(gate.verdict), \(gate.samples) samples: \(gate.reason)"
        }
        if !gates.isEmpty { lines += ["", "Gates:"] + gates }
        if let ids = event?.failedRequestIds, !ids.isEmpty {
            lines += ["", "The last failed requests (mlctl requests --id):"] + ids.map { "- \($0)" }
        }
        lines += ["", trailer]
        return lines.map(Self.withoutPaths).map { String($0.unicodeScalars.filter { $0.value >= 0x20 }) }.joined(
            separator: "\n") + "\n"
    }
}

import ControlPorts
import ModelManifests
import Presentation
import Rollouts

/// What `mlctl wait` waits for. Pure: it maps a status to a verdict.
struct WaitGoal: Hashable, Sendable {
    enum Target: String, CaseIterable, Sendable { case healthy, rolledback }

    enum Verdict: Hashable, Sendable {
        case met(String)
        case failed(CommandExit, String)
        /// The current state, and what is missing.
        case waiting(String)
    }

    var deployment: DeploymentKey
    var target: Target
    /// Only the desired state of this commit or a descendant counts. Nil: the current desired state counts.
    var commit: String?

    /// - Parameter includesCommit: whether a commit is the goal's commit or a descendant of it. Not called without a commit.
    func verdict(_ status: ControllerStatus, includesCommit: (String) -> Bool) -> Verdict {
        func counts(_ commit: String) -> Bool { self.commit == nil || includesCommit(commit) }
        if let invalid = invalidManifest(status, counts) { return invalid }
        guard let found = status.deployments.first(where: { $0.key == deployment }) else {
            return .waiting("deployment '\(deployment)' does not exist yet" + sourceText(status))
        }
        guard let desired = found.desired else { return .waiting(found.summary + sourceText(status)) }
        guard counts(desired.commit) else {
            return .waiting(
                "the controller has not read commit \(commit?.shortCommit ?? "") yet; it is at "
                    + "\(desired.commit.shortCommit)" + sourceText(status))
        }
        return switch target {
        case .healthy: healthy(found, desired)
        case .rolledback: rolledBack(found, desired)
        }
    }

    private func healthy(_ found: DeploymentStatus, _ desired: DesiredStatus) -> Verdict {
        if found.isHealthy, found.stable?.revision == desired.revision {
            return .met("\(deployment) is healthy at version \(desired.version) (\(desired.revision))")
        }
        if let reason = withdrawal(of: desired, found) {
            return .failed(.rolledBack, "\(deployment): version \(desired.version) was rolled back: \(reason)")
        }
        return .waiting(found.whyNotHealthy)
    }

    private func rolledBack(_ found: DeploymentStatus, _ desired: DesiredStatus) -> Verdict {
        if let reason = withdrawal(of: desired, found) {
            return .met("\(deployment): version \(desired.version) was rolled back: \(reason)")
        }
        if commit == nil, found.phase == .rolledBack { return .met("\(deployment) was rolled back: \(found.message)") }
        if commit != nil, found.isHealthy, found.stable?.revision == desired.revision {
            return .failed(.failed, "\(deployment): version \(desired.version) was not rolled back; it is healthy")
        }
        return .waiting(found.summary)
    }

    /// Why the desired revision was taken out of service; nil where it was not, or while that is still under way.
    ///
    /// The quarantine decides, not the phase: right after a commit the phase may still be that of the revision before.
    private func withdrawal(of desired: DesiredStatus, _ found: DeploymentStatus) -> String? {
        // The revision that serves was not withdrawn, even if that was intended.
        guard found.stable?.revision != desired.revision else { return nil }
        let quarantine = found.quarantined.first { $0.revision == desired.revision }
        guard let quarantine, [.rolledBack, .healthy, .degraded, .failed].contains(found.phase) else { return nil }
        let gates = found.gates.filter { $0.verdict == "fail" && !$0.warnOnly }.map { "\($0.name): \($0.reason)" }
        return ([quarantine.reason] + gates.filter { !quarantine.reason.contains($0) }).joined(separator: "; ")
            .printable
    }

    /// The verdict for an invalid manifest, which will never be deployed.
    private func invalidManifest(_ status: ControllerStatus, _ counts: (String) -> Bool) -> Verdict? {
        for source in status.sources {
            guard let commit = source.commit else { continue }
            let own = source.diagnostics.sorted().filter { $0.deployment == deployment }
            guard !own.isEmpty, counts(commit) else { continue }
            let text = own.map(\.description).joined(separator: "\n").printable
            return .failed(.wrongUsage, "the manifest of \(deployment) is invalid at \(commit.shortCommit): \(text)")
        }
        return nil
    }

    private func sourceText(_ status: ControllerStatus) -> String {
        let errors = status.sources.compactMap(\.error)
        return errors.isEmpty ? "" : " (\(errors.joined(separator: "; ")))".printable
    }
}

extension DeploymentStatus {
    /// Whether `mlctl wait` counts the deployment as healthy: it is ready, its endpoint is open, and nothing is under way.
    var isHealthy: Bool { phase == .healthy && condition(.ready)?.status == "True" && endpoint != nil }

    fileprivate var whyNotHealthy: String {
        guard phase == .healthy, waiting == nil else { return summary }
        if endpoint == nil { return "\(summary), but its endpoint is not open" }
        guard let ready = condition(.ready), ready.status != "True", !summary.contains(ready.message) else {
            return summary
        }
        return "\(summary), but not ready: \(ready.message)".printable
    }
}

import ControlPorts
import ModelManifests
import Rollouts

/// Summaries of a deployment's status in words.
package enum StatusSummary {
    package static func headline(_ status: DeploymentStatus) -> String {
        let stable = status.stable.map { "version \($0.version)" }
        let candidate = status.candidate.map { "version \($0.version)" }
        if let stable, candidate == nil, let wrong = unavailable(status, stable) { return wrong }
        if let candidate, let left = status.leftVersion { return "rolling back from version \(left) to \(candidate)" }
        switch (status.phase, candidate, stable) {
        case (.rollingBack, let candidate?, _): return "\(candidate) is being rolled back"
        case (.probation, let candidate?, let stable?): return "\(candidate) is on probation, and \(stable) stays warm"
        case (.promoting, let candidate?, _): return "\(candidate) is being promoted"
        case (_, let candidate?, let stable?): return "\(candidate) is compared with \(stable)"
        case (_, let candidate?, nil): return "\(candidate) is being deployed for the first time"
        case (.healthy, nil, let stable?): return "\(stable) serves, and no rollout is under way"
        case (.failed, nil, let stable?): return "\(stable) cannot serve"
        case (.rolledBack, nil, let stable?): return "\(rolledBack(status)) was rolled back, and \(stable) serves"
        case (.rolledBack, nil, nil): return "\(rolledBack(status)) was rolled back, and nothing serves"
        case (_, nil, let stable?): return "\(stable) serves"
        case (_, nil, nil): return "nothing serves"
        }
    }

    private static func rolledBack(_ status: DeploymentStatus) -> String {
        (status.leftVersion ?? status.desired?.version).map { "version \($0)" } ?? "a version"
    }

    private static func unavailable(_ status: DeploymentStatus, _ stable: String) -> String? {
        let isUnknown = status.condition(.available)?.status == "Unknown"
        if status.lastSeenAt != nil { return "it is unknown whether \(stable) still serves" }
        guard status.phase == .degraded else { return nil }
        return isUnknown ? "it is unknown whether \(stable) serves" : "\(stable) is not fully available"
    }

    /// Requests that reached no instance or were cut off, and restarts; only where there were any.
    package static func troubles(_ status: DeploymentStatus) -> [String] {
        var lines: [String] = []
        for revision in [status.stable, status.candidate].compactMap(\.self) {
            let counts = [
                revision.restarts.map { "\($0) restarts" },
                revision.ejected.map { "\($0) instances without traffic because they fail" },
                revision.unavailable.map { "\($0) requests that it could not accept" },
                revision.abandoned.map { "\($0) requests whose clients gave up" }, revision.progress,
            ].compactMap(\.self)
            if !counts.isEmpty { lines.append("version \(revision.version): \(counts.joined(separator: ", "))") }
        }
        if let cut = status.cutRequests {
            lines.append("\(cut) requests were cut off because they took longer than the drain timeout")
        }
        if let refused = status.refusedConnections { lines.append("\(refused) connections that no instance accepted") }
        return lines
    }

    /// `75 % to version 2 (2/2 ready), 25 % to version 3 (1/2 ready)`.
    package static func traffic(_ status: DeploymentStatus) -> String? {
        let parts = [status.stable, status.candidate].compactMap(\.self).map {
            "\($0.weight) % to version \($0.version) (\($0.ready)/\($0.replicas) ready)"
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// The next commands to run, with their purpose.
    package static func advice(_ explanation: DeploymentExplanation) -> [String] {
        let status = explanation.status
        let name = status.key.description
        if let rollback = explanation.rollback?.event, let revision = explanation.left?.revision ?? rollback.revision {
            return [
                "see what its servers printed: mlctl logs \(name) --revision \(revision)",
                "evaluate the same readings again: mlctl events \(name) --export --rollout \(revision) > readings.jsonl, "
                    + "then mlctl replay --manifest FILE --data readings.jsonl",
                "fix the model and commit it, or try the same revision again: mlctl retry \(name)",
            ]
        }
        switch status.phase {
        case .paused where status.candidate != nil:
            let commands = ["promote", "resume"].filter { status.waiting?.remedy?.contains("mlctl \($0)") == true }
            return (commands.first.map { ["continue the rollout: mlctl \($0) \(name)"] } ?? []) + [
                "end the rollout: mlctl abort \(name)"
            ]
        case .preparing, .degraded, .failed: return ["see what its servers print: mlctl logs \(name)"]
        case .idle, .progressing, .paused, .promoting, .probation, .healthy, .rollingBack, .rolledBack: return []
        }
    }
}

import Controller
import ModelManifests
import Rollouts

extension Phase {
    var tone: Tone {
        switch self {
        case .idle: .faint
        case .preparing, .progressing, .promoting, .probation: .active
        case .paused: .warning
        case .healthy: .good
        case .rollingBack, .rolledBack, .degraded, .failed: .bad
        }
    }
}

extension GateSummary {
    var tone: Tone {
        switch verdict {
        case "pass": .good
        case "fail": .bad
        default: .warning
        }
    }
}

extension StepStatus {
    /// Counted from 1, as people do.
    var position: String { "\(index + 1)/\(count)" }
}

extension DeploymentStatus {
    var key: DeploymentKey { DeploymentKey(namespace: namespace, name: name) }

    /// Where it stands, in one line: `Progressing, 25% to version 3, step 4/6, waiting for evidence: errors`.
    var summary: String {
        var parts = [phase.rawValue]
        if let candidate { parts.append("\(candidate.weight)% to version \(candidate.version)") }
        if let step { parts.append("step \(step.position)") }
        if let waitingFor {
            parts.append("waiting for \(waitingFor)")
        } else if !message.isEmpty {
            parts.append(message)
        }
        return parts.joined(separator: ", ").printable
    }
}

extension String {
    /// A commit as people read it.
    var shortCommit: String { String(prefix(10)) }
}

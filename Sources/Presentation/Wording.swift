import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Transport

extension Phase {
    package var tone: Tone {
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
    package var tone: Tone {
        switch verdict {
        case "pass": .good
        case "fail": warnOnly ? .warning : .bad
        default: warnOnly ? .faint : .warning
        }
    }

    package var verdictText: String { warnOnly ? "\(verdict) (warnOnly)" : verdict }
}

extension StepStatus {
    /// The step's number, counted from 1.
    package var position: String { "\(index + 1)/\(count)" }
}

extension DeploymentStatus {
    package var key: DeploymentKey { DeploymentKey(namespace: namespace, name: name) }

    /// The state in one line: `Progressing, 25% to version 3, step 4/6, waiting for evidence: errors`.
    package var summary: String {
        var parts = [lastSeenAt == nil ? shownPhase : "\(shownPhase) when last seen"]
        if let candidate { parts.append("\(candidate.weight)% to version \(candidate.version)") }
        if let step { parts.append("step \(step.position)") }
        if let standing { parts.append(standing) }
        return parts.joined(separator: ", ").printable
    }

    /// What the deployment waits for, or what happened last, without times, which change by themselves. Nil where there is
    /// nothing
    /// to say.
    package var standing: String? {
        let isWrong = [.degraded, .failed, .rolledBack].contains(phase)
        if let waitText, !isWrong || message.isEmpty {
            // The first words distinguish the two cases even in a narrow column.
            guard waiting?.needsPerson == true else {
                // Before the first decision both are one sentence, which says itself what is missing.
                return waitText == message ? message : "waiting for \(waitText)"
            }
            return "needs \(waitText)"
        }
        return message.isEmpty ? nil : message
    }

    /// `a person: approval: 'mlctl promote'`, or a condition that ends by itself.
    package var waitText: String? {
        guard let waiting, waiting.needsPerson else { return waitingFor }
        return waiting.cause.hasPrefix(Self.person) ? waiting.cause : Self.person + waiting.cause
    }

    private static let person = "a person: "

    /// How long it has waited, and when the wait ends; nil where it does not wait.
    package func waitTime(now: Date) -> String? {
        guard let waiting else { return nil }
        let since = waiting.since.map { "since \(RelativeTime.text($0, now: now))" }
        let end =
            waiting.needsPerson
            ? "does not end by itself" : waiting.endsAt.map { "ends by itself \(RelativeTime.text($0, now: now))" }
        let parts = [since, end].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// Waits for a time, not for a person.
    package var isTimedPause: Bool { phase == .paused && waiting?.needsPerson == false && waiting?.endsAt != nil }

    /// For example `Healthy, since 3h ago`.
    package func phaseText(now: Date) -> String { "\(shownPhase), since \(RelativeTime.text(since, now: now))" }

    /// The phase for people. A deployment that git does not have any more is never shown as healthy.
    package var shownPhase: String { isKeptOnly ? "NotInGit" : phase.rawValue }

    private var isKeptOnly: Bool { phase == .healthy && personCause == .notInGit }

    /// The age of the whole status; nil where it is current.
    package func ageText(now: Date) -> String? {
        lastSeenAt.map { "not current: the deployment was last seen \(RelativeTime.text($0, now: now))" }
    }

    /// A deployment that cannot be seen is not shown as healthy.
    package var tone: Tone {
        isTimedPause ? .active : isKeptOnly || lastSeenAt != nil && phase == .healthy ? .warning : phase.tone
    }
}

extension String {
    /// The commit's first ten digits.
    package var shortCommit: String { String(prefix(10)) }
}

extension Int {
    /// `1 file`, `2 files`.
    package func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}

/// Times relative to now: `3m ago`, `in 27m`.
package enum RelativeTime {
    package static func text(_ date: Date, now: Date) -> String {
        let seconds = Int(now.timeIntervalSince(date).rounded(.towardZero))
        return switch seconds {
        case 0: "now"
        case ..<0: "in \(span(seconds: -seconds))"
        default: "\(span(seconds: seconds)) ago"
        }
    }

    /// The time in UTC, to the second, for permanent output.
    package static func clock(_ date: Date) -> String {
        String(RFC3339.text(date).prefix(19)) + "Z"
    }

    /// A time span in one unit: `59s`, `3m`, `47h`, `2d`.
    package static func span(seconds: Int) -> String {
        switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m"
        case ..<(48 * 3600): "\(seconds / 3600)h"
        default: "\(seconds / 86_400)d"
        }
    }
}

import ControlPorts
import Foundation
import ModelManifests
import Presentation
import Rollouts
import SafeText
import Serving

/// The page between a button and its effect. It says what will happen; only its form changes anything.
package struct ConfirmPage: Sendable {
    var deployment: String
    var back: String
    var title: String
    var verb: String
    var effect: String
    var refusal: String?
    var isForceful: Bool
    var badge: Badge
    var traffic: String
    /// What the page was made from. If it is different when the form arrives, the form is shown again.
    var seen: String
    /// The state changed between the page and its form.
    var isStale: Bool
    var asksFull: Bool
    var asksSkipChecks: Bool
    var asksForce: String?
    var targets: [Target]
    var command: String

    struct Target: Sendable {
        var value: String
        var words: String
    }

    package init(
        _ kind: CommandKind, _ explanation: DeploymentExplanation, history: [HistoryEntry], isStale: Bool = false
    ) {
        let status = explanation.status
        let effects = ActionEffects(status: status, steps: explanation.steps, history: history)
        let offer = ActionOffer.offer(for: kind, status, effects)
        deployment = status.key.description
        back = "../../\(Escape.uriPart(status.name))"
        title = "\(offer.title) \(status.key)"
        verb = kind.rawValue
        effect = offer.effect
        refusal = offer.refusal
        isForceful = offer.isForceful
        badge = status.badge
        traffic = StatusSummary.traffic(status) ?? "nothing serves"
        seen = Self.seen(status, before: kind)
        self.isStale = isStale
        asksFull = kind == .promote && status.phase != .preparing
        asksSkipChecks = kind == .promote && status.phase == .preparing
        asksForce =
            switch kind {
            case .promote: "Even if not all instances of the candidate are ready"
            case .rollback: "Even to a revision that failed before"
            default: nil
            }
        let earlier = RollbackTargets(status: status, history: history).entries
        targets =
            kind == .rollback
            ? earlier.prefix(Self.mostTargets).map { entry in
                Target(
                    value: entry.revision.rawValue,
                    words: "version \(entry.version), revision \(entry.revision): \(entry.outcome)")
            } : []
        command = "mlctl \(kind.rawValue) \(status.name) -n \(status.namespace)"
    }

    private static let mostTargets = 20

    /// What a person has seen before they press. To stop something, its revisions are enough: steps go on meanwhile.
    package static func seen(_ status: DeploymentStatus, before kind: CommandKind) -> String {
        let revisions = [status.stable, status.candidate].map { $0?.revision.rawValue ?? "none" }
        switch kind {
        case .abort, .pause, .suspend: return revisions.joined(separator: "/")
        case .promote, .resume, .retry, .rollback:
            return ([status.phase.rawValue] + revisions + [status.step.map { "\($0.index)" } ?? "none"])
                .joined(separator: "/")
        }
    }
}

/// The last lines of a deployment's model servers.
package struct LogsPage: Sendable {
    var deployment: String
    var back: String
    var lines: [Line]
    var isEmpty: Bool

    struct Line: Sendable {
        var instance: String
        var text: String
    }

    package init(_ key: DeploymentKey, _ lines: [LogLine]) {
        deployment = key.description
        back = "../\(Escape.uriPart(key.name))"
        self.lines = lines.map { Line(instance: $0.instance, text: $0.text.printable) }
        isEmpty = lines.isEmpty
    }
}

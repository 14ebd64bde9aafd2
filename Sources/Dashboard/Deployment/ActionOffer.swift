import ControlPorts
import Foundation
import Presentation
import Rollouts

/// A button: what it would do, before it is pressed, or why it would do nothing.
package struct ActionOffer: Sendable {
    package var verb: String
    package var title: String
    /// What happens, to which version and to how much traffic.
    package var effect: String
    /// Why it is not possible now; nil if it is. The controller decides again when it is pressed.
    package var refusal: String?
    /// Whether what serves may change against git's wish.
    package var isForceful: Bool

    /// All buttons of a deployment, the possible ones first.
    package static func all(
        _ status: DeploymentStatus, steps: [StepExplanation] = [], history: [HistoryEntry] = []
    ) -> [ActionOffer] {
        let effects = ActionEffects(status: status, steps: steps, history: history)
        let offers = CommandKind.allCases.map { offer(for: $0, status, effects) }
        return offers.filter { $0.refusal == nil } + offers.filter { $0.refusal != nil }
    }

    package static func offer(
        for kind: CommandKind, _ status: DeploymentStatus, _ effects: ActionEffects
    ) -> ActionOffer {
        ActionOffer(
            verb: kind.rawValue, title: kind.title, effect: effects.text(of: kind),
            refusal: effects.refusal(of: kind), isForceful: [.abort, .rollback].contains(kind))
    }

    /// The button that the status names as the remedy.
    package static func remedy(of status: DeploymentStatus) -> ActionOffer? {
        guard let remedy = status.waiting?.remedy else { return nil }
        let named = CommandKind.allCases.first { remedy.contains("mlctl \($0.rawValue)") }
        return named.map { offer(for: $0, status, ActionEffects(status: status)) }.flatMap {
            $0.refusal == nil ? $0 : nil
        }
    }
}

extension CommandKind {
    package var title: String {
        switch self {
        case .promote: "Promote"
        case .pause: "Pause"
        case .resume: "Resume"
        case .abort: "Abort"
        case .retry: "Retry"
        case .rollback: "Roll back"
        case .suspend: "Suspend"
        }
    }
}

/// What each command would do to a deployment, in words.
package struct ActionEffects: Sendable {
    let status: DeploymentStatus
    let steps: [StepExplanation]
    let history: [HistoryEntry]

    package init(status: DeploymentStatus, steps: [StepExplanation] = [], history: [HistoryEntry] = []) {
        self.status = status
        self.steps = steps
        self.history = history
    }

    private var candidate: String { status.candidate.map { "version \($0.version)" } ?? "the candidate" }
    private var stable: String { status.stable.map { "version \($0.version)" } ?? "nothing" }
    private var wanted: String { status.desired.map { "version \($0.version)" } ?? "what git asks for" }
    private var share: String { status.candidate.map { "\($0.weight) % of the traffic" } ?? "its traffic" }
    private var isSuspended: Bool { status.isSuspended }

    /// The step after the current one; nil if there is none.
    private var nextStep: String? {
        guard let index = steps.firstIndex(where: { $0.place == .current }), index + 1 < steps.count else { return nil }
        return steps[index + 1].description
    }

    func text(of kind: CommandKind) -> String {
        switch kind {
        case .promote: promotion
        case .pause:
            "The rollout stops at its current step, and the traffic stays as it is: \(traffic). Gates go on judging: a candidate "
                + "that fails is still rolled back."
        case .resume:
            isSuspended
                ? "mlctl follows git again: \(wanted) is rolled out if it does not serve yet."
                : "The rollout goes on from its current step. Nothing is approved by this."
        case .abort:
            "\(capitalized(candidate)) loses \(share) at once and is stopped; "
                + (status.stable == nil ? "nothing serves then. " : "\(stable) serves all requests. ")
                + "It is held back until git asks for something else, or until Retry."
        case .retry:
            status.phase == .paused
                ? "The rollout of \(candidate) starts again at its first step, with new evidence: what its gates have learned is "
                    + "dropped."
                : "\(capitalized(wanted)) is tried again from its first step, with new evidence. \(capitalized(stable)) goes on "
                    + "serving meanwhile."
        case .rollback: rollback
        case .suspend:
            "Nothing new is rolled out, whatever git says, until Resume. What serves goes on serving: \(traffic)."
        }
    }

    private var promotion: String {
        switch status.phase {
        case .preparing:
            return
                "Only with 'skip checks': the checks before traffic are skipped, and \(candidate) gets its first traffic once "
                + "it is ready. The audit trail keeps that."
        case .probation:
            return "The probation ends now: \(candidate) stays, and \(stable) is stopped."
        case .promoting: return "The promotion goes on without waiting for a confirmation of the traffic."
        default: break
        }
        let now = status.step.map { " (step \($0.position): \($0.description))" } ?? ""
        if let nextStep {
            return
                "The rollout leaves its current step\(now) and goes on with: \(nextStep). \(capitalized(candidate)) has "
                + "\(share) now. A gate that failed is overridden."
        }
        return
            "\(capitalized(candidate)) gets all traffic and becomes stable\(now); \(stable) is retired. A gate that failed is "
            + "overridden."
    }

    private var rollback: String {
        let target = RollbackTargets(status: status, history: history).first
        let to = target.map { "version \($0.version) (revision \($0.revision))" } ?? "the revision before it"
        if status.candidate != nil, status.stable != nil {
            return
                "\(capitalized(candidate)) loses \(share) at once and is held back; \(stable) serves all requests. Or choose "
                + "an earlier revision."
        }
        return
            "\(capitalized(stable)) is replaced by \(to). What git asks for is held back until git changes, or until Retry."
    }

    private var traffic: String { StatusSummary.traffic(status) ?? "nothing serves" }

    private func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

    /// Why the command is not possible now, as far as the status shows it; nil if it may be.
    func refusal(of kind: CommandKind) -> String? {
        guard PhaseTable.row(status.phase).commands.contains(kind) else {
            return switch (kind, status.phase) {
            case (_, .rollingBack): "it is already being rolled back, which ends by itself"
            case (.promote, .promoting): "it is already being promoted, which ends by itself"
            case (.pause, .preparing): "the candidate is still loading, and has no traffic yet"
            case (.rollback, .idle): "nothing serves that could be rolled back"
            case (.retry, _): "nothing is held back"
            default: "no rollout is in progress"
            }
        }
        switch kind {
        case .resume: return isSuspended ? nil : refusalOfResume
        case .retry where status.candidate == nil:
            let isHeld = status.quarantined.contains { $0.revision == status.desired?.revision }
            let says = status.waiting?.remedy?.contains("mlctl retry") == true
            return isHeld || says ? nil : "nothing is held back"
        case .suspend: return isSuspended ? "it is suspended already" : nil
        case .pause:
            return status.phase == .paused && status.waiting?.needsPerson == true ? "it is paused already" : nil
        case .rollback where status.candidate == nil && !history.isEmpty:
            let isThere = RollbackTargets(status: status, history: history).first != nil
            return isThere ? nil : "there is no earlier revision that served and did not fail"
        case .promote, .abort, .rollback, .retry: return nil
        }
    }
}

extension ActionEffects {
    private var refusalOfResume: String? {
        guard status.phase == .paused else { return "nothing is paused or suspended" }
        if status.isTimedPause { return "the pause ends by itself, and Promote ends it now" }
        return switch status.personCause {
        case .approval, .pause: "it waits for an approval, which Promote gives"
        case .gateFailed: "a gate failed: Promote overrides it, Retry drops its evidence, Abort rolls back"
        default: nil
        }
    }
}

/// The revisions that a rollback may go to, newest first.
package struct RollbackTargets: Sendable {
    package let entries: [HistoryEntry]
    /// Where a rollback without a choice goes: the newest revision that served before the one that serves, and did not fail.
    package let first: HistoryEntry?

    package init(status: DeploymentStatus, history: [HistoryEntry]) {
        var seen = Set([status.stable?.revision, status.candidate?.revision].compactMap(\.self))
        entries = history.filter { seen.insert($0.revision).inserted }
        let barred = Set((status.quarantined + (status.passedOver ?? [])).map(\.revision))
        let start = history.filter { $0.revision == status.stable?.revision }.map(\.startedAt).min() ?? .distantFuture
        first = entries.first {
            $0.outcome == "replaced" && $0.startedAt < start && !barred.contains($0.revision)
        }
    }
}

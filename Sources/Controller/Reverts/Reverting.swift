import ControlPorts
import ModelManifests

/// Carries out what `RevertDecision` says for one deployment: once, in steps that can be repeated.
package struct Reverting: Sendable {
    package enum Report: Hashable, Sendable {
        /// Git asks for what serves, or does not want reverts.
        case notNeeded
        /// The repository has the revert, in this reference.
        case written(reference: String)
        case refused(String)
    }

    package var deployment: DeploymentKey
    package var wish: RevertWish?
    package var mode: WriteBack.Mode
    package var source: (branch: String, commit: String)
    /// The edited file; nil where no revert is wanted.
    package var edited: (file: String, text: String)?
    package var message: String

    package init(
        _ deployment: DeploymentKey, _ wish: RevertWish?, mode: WriteBack.Mode,
        source: (branch: String, commit: String),
        edited: (file: String, text: String)?, message: String
    ) {
        (self.deployment, self.wish, self.mode) = (deployment, wish, mode)
        (self.source, self.edited, self.message) = (source, edited, message)
    }

    package func carryOut(with writer: any RevertWriter) async throws -> Report {
        let survey = try await writer.survey(deployment, wish, head: source.commit)
        var isCurrent = false
        if let wish, let edited, let tip = survey.tips[wish.failed.rawValue] {
            isCurrent = try await writer.text(of: edited.file, at: tip.commit) == edited.text
        }
        let decision = RevertDecision(
            wish, of: deployment, mode: mode, source: source, survey: survey, isCurrent: isCurrent)
        for change in decision.changes {
            var commit = ""
            if change.target == .revert, let edited, let wish {
                commit = try await writer.makeCommit(
                    RevertChange(
                        parent: source.commit, file: edited.file, text: edited.text, message: message,
                        date: wish.decidedAt))
            }
            try await writer.apply(change, commit: commit)
        }
        if let refusal = decision.refusal { return .refused(refusal) }
        guard let wish, mode != .none else { return .notNeeded }
        return .written(reference: mode == .push ? source.branch : wish.branch)
    }
}

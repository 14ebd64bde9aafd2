import ControlPorts
import ModelManifests

/// What to write for one deployment. Pure.
///
/// # Guarantees
/// - A reference that somebody else moved is never overwritten or deleted.
/// - A revision that was reverted once in the history of the branch that is read is not reverted again: whoever asks for it a
///   second time means it. So two writers cannot take turns for ever.
/// - The same survey gives the same decision, so that a controller that was killed continues.
package struct RevertDecision: Hashable, Sendable {
    package var changes: [ReferenceChange] = []
    /// Why a wanted revert is not written; nil if it is, or if none is wanted.
    package var refusal: String?

    /// - Parameters:
    ///   - wish: nil where git asks for what serves.
    ///   - source: the branch that is read, and its commit.
    ///   - isCurrent: whether the own branch of the wanted revision has the same change of the file already.
    package init(
        _ wish: RevertWish?, of deployment: DeploymentKey, mode: WriteBack.Mode,
        source: (branch: String, commit: String),
        survey: RevertSurvey, isCurrent: Bool
    ) {
        let wanted = mode == .none || survey.revertedBy != nil ? nil : wish
        let kept = mode == .branch || mode == .pullRequest ? wanted?.failed.rawValue : nil
        for (revision, tip) in survey.tips.sorted(by: { $0.key < $1.key }) where tip.isOwn && revision != kept {
            changes.append(
                ReferenceChange(RevertWish.branchFolder(deployment) + revision, from: tip.commit, to: .deleted))
        }
        if let wish, let commit = survey.revertedBy, mode != .none {
            refusal =
                "revision \(wish.failed.rawValue) was reverted by commit \(commit.prefix(12)) and is in git again, so it is not "
                + "reverted a second time: change the manifest, or run 'mlctl retry'"
        }
        guard let wanted else { return }
        switch mode {
        case .none: break
        case .push: changes.append(ReferenceChange(source.branch, from: source.commit, to: .revert))
        case .branch, .pullRequest:
            let tip = survey.tips[wanted.failed.rawValue]
            if let tip, !tip.isOwn {
                refusal =
                    "the branch \(wanted.branch.dropFirst("refs/heads/".count)) has commits of others, so it is left as it is"
            } else if tip?.isBased != true || !isCurrent {
                changes.append(ReferenceChange(wanted.branch, from: tip?.commit, to: .revert))
            }
        }
    }
}

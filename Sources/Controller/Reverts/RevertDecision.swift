import ModelManifests

/// What the repository has of a deployment's reverts.
package struct RevertSurvey: Hashable, Sendable {
    package struct Tip: Hashable, Sendable {
        package var commit: String
        /// The branch has only this controller's commit: it is recognized by its trailer, and nobody added to it.
        package var isOwn: Bool
        /// Its parent is part of the branch that is read. After a rewrite of history it is not, and merging it would bring back
        /// what was taken out.
        package var isBased: Bool

        package init(commit: String, isOwn: Bool, isBased: Bool) {
            (self.commit, self.isOwn, self.isBased) = (commit, isOwn, isBased)
        }
    }

    /// By revision.
    package var tips: [String: Tip]
    /// The commit of the branch that is read which reverted the wanted revision already; nil if there is none.
    package var revertedBy: String?

    package init(tips: [String: Tip] = [:], revertedBy: String? = nil) {
        (self.tips, self.revertedBy) = (tips, revertedBy)
    }
}

/// One change of a reference in the repository. It is made only if the reference is still as expected.
package struct ReferenceChange: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        /// The new commit with the revert.
        case revert
        case deleted
    }

    package var reference: String
    /// Nil: it does not exist.
    package var expected: String?
    package var target: Target

    package init(_ reference: String, from expected: String?, to target: Target) {
        (self.reference, self.expected, self.target) = (reference, expected, target)
    }
}

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

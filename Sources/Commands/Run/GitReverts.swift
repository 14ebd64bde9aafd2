import ControlPorts
import Foundation
import GitSource
import ModelManifests

/// Git as a place for reverts.
struct GitReverts: RevertWriter {
    let repository: GitRepository
    let identity: CommitIdentity
    var signingKeyFile: String?

    func text(of file: String, at commit: String) async throws -> String? {
        try await repository.text(of: file, at: commit)
    }

    func survey(_ deployment: DeploymentKey, _ wish: RevertWish?, head: String) async throws -> RevertSurvey {
        let folder = RevertWish.branchFolder(deployment)
        var survey = RevertSurvey()
        for (reference, commit) in try await repository.references(below: folder) {
            let revision = String(reference.dropFirst(folder.count))
            let about = try await repository.describe(reference, at: commit)
            let lines = about?.message.split(separator: "\n").map(String.init) ?? []
            let isOwn =
                about?.committer == identity.address && lines.contains(RevertWish.trailer(deployment, revision))
            var isBased = about?.parents.count == 1
            if isBased, let parent = about?.parents.first {
                isBased = try await repository.isAncestor(parent, of: head)
            }
            survey.tips[revision] = RevertSurvey.Tip(commit: commit, isOwn: isOwn, isBased: isBased)
        }
        if let wish {
            survey.revertedBy = try await repository.commit(withLine: wish.trailer, in: head, since: wish.servedCommit)
        }
        return survey
    }

    func makeCommit(_ change: RevertChange) async throws -> String {
        try await repository.make(
            FileCommit(
                parent: change.parent, file: change.file, text: change.text, message: change.message, date: change.date,
                identity: identity, signingKeyFile: signingKeyFile))
    }

    func apply(_ change: ReferenceChange, commit: String) async throws {
        do {
            try await repository.move(
                change.reference, from: change.expected, to: change.target == .deleted ? nil : commit)
        } catch let error as GitError where error.code == .changedMeanwhile {
            throw RevertConflict(error.message)
        }
    }
}

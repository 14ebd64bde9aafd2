import Foundation
import ModelManifests

/// Writes reverts to a repository.
///
/// Each call does one thing that either happened or did not, so a controller can be killed between any two of them.
package protocol RevertWriter: Sendable {
    /// The text of a file in a commit; nil where the commit or the file does not exist.
    func text(of file: String, at commit: String) async throws -> String?
    /// - Parameters:
    ///   - wish: whose revert is looked for between the commit that it serves from and `head`; nil looks at the branches only.
    func survey(_ deployment: DeploymentKey, _ wish: RevertWish?, head: String) async throws -> RevertSurvey
    /// Makes a commit without writing it to the repository. The same change gives the same commit.
    ///
    /// - Returns: its id.
    func makeCommit(_ change: RevertChange) async throws -> String
    /// Moves or deletes references, if each is still as expected.
    ///
    /// - Parameter commit: for changes to `.revert`.
    /// - Throws: `RevertConflict` if one of them is not.
    func apply(_ change: ReferenceChange, commit: String) async throws
}

/// A commit that changes one file.
package struct RevertChange: Hashable, Sendable {
    package var parent: String
    package var file: String
    package var text: String
    package var message: String
    package var date: Date

    package init(parent: String, file: String, text: String, message: String, date: Date) {
        (self.parent, self.file, self.text, self.message, self.date) = (parent, file, text, message, date)
    }
}

/// Somebody else moved a reference in the meantime. The next look at git starts over.
package struct RevertConflict: Error, Hashable, Sendable {
    package var message: String

    package init(_ message: String) { self.message = message }
}

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

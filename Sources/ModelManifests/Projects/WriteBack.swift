/// How a rollback reaches git: `writeBack:` of a project.
package struct WriteBack: Hashable, Sendable {
    package enum Mode: String, CaseIterable, Hashable, Sendable {
        case none
        /// A commit on a branch of its own, for people to merge.
        case branch
        /// The same, with a pull request. Not available yet.
        case pullRequest
        /// A commit on the branch that is read.
        case push
    }

    package var mode: Mode
    /// `NAME <ADDRESS>`
    package var author: String
    /// A private ssh key that signs the commits.
    package var signingKeyFile: String?

    package static let defaultAuthor = "mlctl <mlctl@localhost>"

    package init(mode: Mode = .none, author: String = Self.defaultAuthor, signingKeyFile: String? = nil) {
        self.mode = mode
        self.author = author
        self.signingKeyFile = signingKeyFile
    }
}

/// Whose signature commits need: `verify:` of a project.
package struct CommitVerification: Hashable, Sendable {
    package enum Commits: String, CaseIterable, Hashable, Sendable {
        /// The commit that is read, or the tag that chose it, is signed by an allowed key.
        case signed
    }

    /// Where the allowed keys stand: a path.
    package enum Keys: Hashable, Sendable {
        /// In the form of ssh's allowed signers.
        case allowedSigners(String)
        /// OpenPGP keys, as `gpg --export` writes them.
        case gpgKeyring(String)
    }

    package var commits = Commits.signed
    package var keys = Keys.allowedSigners("")

    /// The path of the file with the keys.
    package var file: String {
        switch keys {
        case .allowedSigners(let file), .gpgKeyring(let file): file
        }
    }

    package init() {}
}

/// How a commit follows one that was read earlier.
///
/// What a commit does not have was removed from git only if there is a way from the commit that had it to this one. Without a
/// common history a missing file says nothing: it may be another repository.
package enum CommitDescent: Hashable, Sendable {
    /// The earlier commit is an ancestor, or the same.
    case follows
    /// They have a common ancestor: history was rewritten, or it is another branch.
    case diverged
    /// They have no common ancestor.
    case unrelated
    /// The repository is shallow: it does not have all ancestors.
    case cutOff
    /// The repository does not have the earlier commit, as far as it was fetched.
    case missing

    /// Reads the answer of `git merge-base EARLIER COMMIT`.
    ///
    /// - Parameters:
    ///   - isShallow: the repository lists commits whose parents it does not have.
    ///   - hasEarlier: asked only if git gives no answer.
    /// - Returns: nil if the answer is an error that says nothing about the commits.
    package init?(mergeBase: String, exitCode: Int32, earlier: String, isShallow: Bool, hasEarlier: Bool) {
        switch exitCode {
        case 0 where mergeBase.hasPrefix(earlier): self = .follows
        case 0: self = .diverged
        case _ where isShallow && (exitCode == 1 || !hasEarlier): self = .cutOff
        case 1: self = .unrelated
        case _ where !hasEarlier: self = .missing
        default: return nil
        }
    }
}

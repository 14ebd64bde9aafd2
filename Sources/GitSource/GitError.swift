import Transport

/// Why a git operation failed. Data that was read earlier stays valid.
package typealias GitError = CodedError<GitErrorCode>

package enum GitErrorCode: String, ErrorCode {
    /// The address, the reference or the path makes no sense, or is not allowed.
    case invalidConfiguration
    /// There is no git program.
    case gitMissing
    /// The repository's machine does not answer, or broke off.
    case unreachable
    /// The repository's machine wants other credentials.
    case unauthorized
    /// The repository's machine cannot prove who it is: an unknown certificate authority, or a changed host key.
    case untrusted
    /// The commit is not signed by an allowed key, or that cannot be verified.
    case unsigned
    /// The repository's machine sends on to another address, which is not followed.
    case redirected
    /// There is no repository at the address.
    case repositoryNotFound
    /// The repository has no such branch, tag or commit.
    case referenceNotFound
    /// The repository has no branches at all.
    case repositoryEmpty
    /// Objects are missing or damaged, and a fresh copy has them no better.
    case damaged
    /// More files or bytes than the limits allow.
    case tooLarge
    /// The source has another commit than a moment ago, or git did not fetch the one that it has.
    case changedMeanwhile
    case timedOut
    case diskFull
    /// git failed in a way that is not known here; `message` carries its words.
    case failed

    package var retryClass: RetryClass {
        switch self {
        case .invalidConfiguration, .gitMissing: .terminal
        case .unauthorized, .untrusted, .unsigned, .redirected, .repositoryNotFound, .referenceNotFound,
            .repositoryEmpty,
            .damaged, .tooLarge:
            .waiting
        case .unreachable, .changedMeanwhile, .timedOut, .diskFull, .failed: .transient
        }
    }
}

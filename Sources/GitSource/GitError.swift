/// Why git could not do what was asked. Nothing that was read before is lost by it.
public struct GitError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The address, the reference or the path makes no sense, or is not allowed.
        case invalidConfiguration
        /// There is no git program.
        case gitMissing
        /// The repository's machine does not answer, or broke off.
        case unreachable
        /// The repository's machine wants other credentials.
        case unauthorized
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
        case timedOut
        case diskFull
        /// git failed in a way that is not known here; `message` carries its words.
        case failed
    }

    /// How the caller may go on; the same words as the controller's.
    public enum Retry: String, Hashable, Sendable {
        /// Back off and try again.
        case transient
        /// Something outside must change first; look again now and then.
        case waiting
        /// Report and stop: trying again cannot help until the configuration changes.
        case terminal
    }

    public var code: Code
    /// What is wrong and what to do, for people. Credentials are left out.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var retry: Retry {
        switch code {
        case .invalidConfiguration, .gitMissing: .terminal
        case .unauthorized, .redirected, .repositoryNotFound, .referenceNotFound, .repositoryEmpty, .damaged, .tooLarge:
            .waiting
        case .unreachable, .timedOut, .diskFull, .failed: .transient
        }
    }

    public var description: String { message }
}

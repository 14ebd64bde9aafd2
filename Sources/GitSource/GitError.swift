/// Why a git operation failed. Data that was read earlier stays valid.
public struct GitError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The address, the reference or the path is invalid or not allowed.
        case invalidConfiguration
        /// There is no git program.
        case gitMissing
        /// The server does not answer, or the connection ended early.
        case unreachable
        /// The server does not accept the credentials.
        case unauthorized
        /// The server redirects to another address. mlctl does not follow redirects.
        case redirected
        /// There is no repository at the address.
        case repositoryNotFound
        /// The repository has no such branch, tag or commit.
        case referenceNotFound
        /// The repository has no branches at all.
        case repositoryEmpty
        /// Objects are missing or damaged, and a new clone does not help.
        case damaged
        /// More files or bytes than the limits allow.
        case tooLarge
        case timedOut
        case diskFull
        /// git failed for an unknown reason; `message` quotes its output.
        case failed
    }

    /// How the caller may continue. These are the controller's retry classes.
    public enum Retry: String, Hashable, Sendable {
        /// Back off and try again.
        case transient
        /// Something outside must change first. Check again at intervals.
        case waiting
        /// Report and stop. Another try cannot help until the configuration changes.
        case terminal
    }

    public var code: Code
    /// What happened and what to do, without credentials.
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

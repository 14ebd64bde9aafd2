/// Why a model's files could not be had. What is in the cache stays as it is.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The URI or the digest cannot be read, or its scheme is not available.
        case unsupported
        case notFound
        /// A place of this machine that no model may come from.
        case notAllowed
        /// The server, or the file system, does not let us read it.
        case unauthorized
        /// The bytes are not those that the digest names.
        case digestMismatch
        /// More files or bytes than the limits allow.
        case tooLarge
        /// A tree that cannot be kept: links that lead out of it, devices, names that are not UTF-8.
        case unusableTree
        /// The files changed while they were read.
        case changing
        /// The server does not answer, breaks off, or stalls; tried again several times.
        case unreachable
        /// The server's certificate is not trusted.
        case untrusted
        /// The server answered with something that makes no sense here.
        case protocolError
        case diskFull
        /// A file of the cache, or of a model, could not be read or written.
        case fileSystem
    }

    /// How the caller may go on; the same words as the controller's.
    public enum Retry: String, Hashable, Sendable {
        /// Back off and try again.
        case transient
        /// Something outside must change first; look again now and then.
        case waiting
        /// Report and stop: trying again cannot help until the input changes.
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
        case .unsupported, .digestMismatch, .tooLarge, .unusableTree, .notAllowed: .terminal
        case .notFound, .unauthorized, .untrusted, .protocolError: .waiting
        case .changing, .unreachable, .diskFull, .fileSystem: .transient
        }
    }

    public var description: String { message }
}

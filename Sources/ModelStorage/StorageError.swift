/// Why a model's files could not be loaded. The cache stays as it is.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The URI or the digest cannot be parsed, or the scheme is not supported.
        case unsupported
        case notFound
        /// A place on this machine that models must not come from.
        case notAllowed
        /// The server or the file system refuses access.
        case unauthorized
        /// The bytes do not match the digest.
        case digestMismatch
        /// More files or bytes than the limits allow.
        case tooLarge
        /// A tree that cannot be stored: links that point out of it, devices, names that are not UTF-8.
        case unusableTree
        /// The files changed while they were read.
        case changing
        /// The server does not answer, closes the connection or stalls, after several attempts.
        case unreachable
        /// The server's certificate is not trusted.
        case untrusted
        /// The server's answer makes no sense for this request.
        case protocolError
        case diskFull
        /// A file of the cache, or of a model, could not be read or written.
        case fileSystem
    }

    /// How the caller may continue. These are the controller's retry classes.
    public enum Retry: String, Hashable, Sendable {
        /// Back off and try again.
        case transient
        /// Something outside must change first. Check again at intervals.
        case waiting
        /// Report and stop. Another try cannot help until the input changes.
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
        case .unsupported, .digestMismatch, .tooLarge, .unusableTree, .notAllowed: .terminal
        case .notFound, .unauthorized, .untrusted, .protocolError: .waiting
        case .changing, .unreachable, .diskFull, .fileSystem: .transient
        }
    }

    public var description: String { message }
}

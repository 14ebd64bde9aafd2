import Transport

/// Why a model's files could not be loaded. The cache stays as it is.
package typealias StorageError = CodedError<StorageErrorCode>

package enum StorageErrorCode: String, ErrorCode {
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

    package var retryClass: RetryClass {
        switch self {
        case .unsupported, .digestMismatch, .tooLarge, .unusableTree, .notAllowed: .terminal
        case .notFound, .unauthorized, .untrusted, .protocolError: .waiting
        case .changing, .unreachable, .diskFull, .fileSystem: .transient
        }
    }
}

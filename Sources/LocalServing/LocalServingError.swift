import Transport

/// An error of local serving: what failed, why, and what to do about it.
package typealias LocalServingError = CodedError<LocalServingErrorCode>

package enum LocalServingErrorCode: String, ErrorCode {
    /// A lock is held: another process has this instance, or this state folder.
    case alreadyRunning
    /// A file of the state folder could not be read or written.
    case stateUnreadable
    /// The instance's command, arguments or environment cannot work.
    case invalidCommand
    case noFreePort
    /// A process could not be started because the machine lacks memory, processes or descriptors now.
    case startFailed
    case proxyUnreachable
    case proxyRefused
    /// A name that must not become part of a path.
    case invalidName

    package var retryClass: RetryClass {
        switch self {
        case .alreadyRunning, .stateUnreadable, .noFreePort, .proxyRefused: .waiting
        case .invalidCommand, .invalidName: .terminal
        case .startFailed, .proxyUnreachable: .transient
        }
    }
}

import Serving

/// An error of local serving: what failed, why, and what to do about it.
public struct LocalServingError: RetryableError, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Another process holds the lock of this instance, or of the state folder.
        case alreadyRunning
        /// A file of the state folder could not be read or written.
        case stateUnreadable
        /// The instance's command, arguments or environment cannot work.
        case invalidCommand
        case noFreePort
        /// The operating system cannot start a process now: memory, processes or file descriptors are short. It may work later.
        case startFailed
        case proxyUnreachable
        case proxyRefused
        /// The name would not be safe as part of a path.
        case invalidName
    }

    public var code: Code
    public var message: String
    public var retryClass: RetryClass

    public init(_ code: Code, _ message: String, retry: RetryClass) {
        self.code = code
        self.message = message
        retryClass = retry
    }

    public var description: String { message }
}

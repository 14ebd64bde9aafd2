import Serving

/// What went wrong on this machine, and what to do about it.
public struct LocalServingError: RetryableError, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A lock is held: another process has this instance, or this state folder.
        case alreadyRunning
        /// A file of the state folder could not be read or written.
        case stateUnreadable
        /// The instance's command, arguments or environment cannot work.
        case invalidCommand
        case noFreePort
        /// A process could not be started for want of something that may come back: memory, processes, descriptors.
        case startFailed
        case proxyUnreachable
        case proxyRefused
        /// A name that must not become part of a path.
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

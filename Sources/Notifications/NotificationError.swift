import Serving

/// Why a notification cannot be sent, or was not.
public struct NotificationError: RetryableError, Hashable, Sendable {
    public enum Code: String, Sendable {
        case invalidAddress
        case invalidSecret
        /// The receiver will not have it, now or later.
        case refused
        /// Every attempt failed.
        case undelivered
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var retryClass: RetryClass { code == .undelivered ? .transient : .terminal }
}

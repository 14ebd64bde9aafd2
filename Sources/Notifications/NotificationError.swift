import Serving

/// Why a notification cannot be sent, or was not delivered.
public struct NotificationError: RetryableError, Hashable, Sendable {
    public enum Code: String, Sendable {
        case invalidAddress
        case invalidSecret
        /// The receiver refuses it, and a retry cannot help.
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

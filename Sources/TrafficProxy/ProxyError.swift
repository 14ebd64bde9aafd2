import Serving

/// Why the proxy cannot start, or does not accept a file or routes.
public struct ProxyError: RetryableError, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Another proxy uses this state directory.
        case alreadyRunning
        /// The state directory cannot be used.
        case stateDirectory
        /// The control socket cannot be opened.
        case controlSocket
        /// The file of recorded requests cannot be used.
        case recordedRequests
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var retryClass: RetryClass {
        switch code {
        case .alreadyRunning, .stateDirectory, .controlSocket: .waiting
        case .recordedRequests: .terminal
        }
    }

    public var description: String { message }
}

import Transport

/// Why the proxy does not start, or does not take the routes it was given.
public typealias ProxyError = CodedError<ProxyErrorCode>

public enum ProxyErrorCode: String, ErrorCode {
    /// Another proxy holds this state directory.
    case alreadyRunning
    /// The state directory cannot be used.
    case stateDirectory
    /// The control socket cannot be opened.
    case controlSocket
    /// The file of recorded requests cannot be used.
    case recordedRequests

    public var retryClass: RetryClass {
        switch self {
        case .alreadyRunning, .stateDirectory, .controlSocket: .waiting
        case .recordedRequests: .terminal
        }
    }
}

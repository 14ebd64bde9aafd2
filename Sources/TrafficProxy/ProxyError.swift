import Transport

/// Why the proxy cannot start, or does not accept a file or routes.
package typealias ProxyError = CodedError<ProxyErrorCode>

package enum ProxyErrorCode: String, ErrorCode {
    /// Another proxy holds this state directory.
    case alreadyRunning
    /// The state directory cannot be used.
    case stateDirectory
    /// The control socket cannot be opened.
    case controlSocket
    /// The file of recorded requests cannot be used.
    case recordedRequests

    package var retryClass: RetryClass {
        switch self {
        case .alreadyRunning, .stateDirectory, .controlSocket: .waiting
        case .recordedRequests: .terminal
        }
    }
}

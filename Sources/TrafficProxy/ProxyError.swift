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
    /// An endpoint must have TLS, and there is no usable certificate.
    case certificate

    package var retryClass: RetryClass {
        switch self {
        case .alreadyRunning, .stateDirectory, .controlSocket, .certificate: .waiting
        case .recordedRequests: .terminal
        }
    }
}

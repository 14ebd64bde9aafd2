import Foundation

/// Why a call got no answer that can be used. A refusal by the controller itself is a `ControlError`.
public enum ControlClientError: Error, Hashable, CustomStringConvertible, Sendable {
    /// Nothing answers there.
    case unreachable(server: String, reason: String)
    /// Something answers, and TLS does not say that it is the controller, or whom it lets in.
    case untrusted(server: String, reason: String)
    /// Something took the call and did not answer in time.
    case timedOut(server: String, limit: Duration)
    /// The token is missing or wrong, or the request's origin is not welcome.
    case refused(String)
    /// An answer that no controller gives: another server, or another version of this one.
    case unexpected(server: String, what: String)

    public var description: String {
        switch self {
        case .unreachable(let server, let reason):
            "cannot reach the controller at \(server): is 'mlctl run' running? Set --server or MLCTL_SERVER (\(reason))"
        case .untrusted(let server, let reason): "\(server) cannot be trusted: \(reason)"
        case .timedOut(let server, let limit):
            "the controller at \(server) did not answer within \(limit)"
        case .refused(let message):
            message
        case .unexpected(let server, let what):
            "\(server) does not answer as a controller does (\(what)): check --server and MLCTL_SERVER"
        }
    }
}

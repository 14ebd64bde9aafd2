import Foundation

/// Why a call got no usable answer. A refusal by the controller itself is a `ControlError`.
public enum ControlClientError: Error, Hashable, CustomStringConvertible, Sendable {
    /// Nothing answers at the address.
    case unreachable(server: String, reason: String)
    /// The server accepted the call but did not answer in time.
    case timedOut(server: String, limit: Duration)
    /// The token is missing or wrong, or the request's origin is not allowed.
    case refused(String)
    /// The answer is not one of a controller: another program answers, or another version of mlctl.
    case unexpected(server: String, what: String)

    public var description: String {
        switch self {
        case .unreachable(let server, let reason):
            "cannot reach the controller at \(server): is 'mlctl run' running? Set --server or MLCTL_SERVER (\(reason))"
        case .timedOut(let server, let limit):
            "the controller at \(server) did not answer within \(limit)"
        case .refused(let message):
            message
        case .unexpected(let server, let what):
            "\(server) does not answer like a controller (\(what)): check --server and MLCTL_SERVER"
        }
    }
}

import Serving

/// Who tells a proxy its routes, and who may ask it what it counts.
public enum ProxyDirections: Sendable {
    /// A controller on this machine, over the socket in the state folder. Endpoints are on the loopback.
    case fromSocket
    /// Somebody who follows a cluster. Endpoints, and the port that answers questions, listen on `host`.
    case following(AsyncStream<[ProxyRoute]>, host: String, controlPort: Int)

    /// What endpoints listen on.
    var host: String {
        switch self {
        case .fromSocket: Upstream.loopback
        case .following(_, let host, _): host
        }
    }

    /// Ports that no endpoint may have.
    var reservedPorts: [ReservedPort] {
        switch self {
        case .fromSocket: []
        case .following(_, _, let port): [ReservedPort(port: port, use: "the proxy's own questions")]
        }
    }
}

import Serving

/// Where a proxy gets its routes from, and where it serves its counters.
public enum ProxyDirections: Sendable {
    /// A controller on this machine sends routes over the socket in the state folder. Endpoints listen on the loopback address.
    case fromSocket
    /// A follower of a cluster sends routes. Endpoints and the control port listen on `host`.
    case following(AsyncStream<[ProxyRoute]>, host: String, controlPort: Int)

    /// The address that endpoints listen on.
    var host: String {
        switch self {
        case .fromSocket: Upstream.loopback
        case .following(_, let host, _): host
        }
    }

    /// Ports that no endpoint may use.
    var reservedPorts: [ReservedPort] {
        switch self {
        case .fromSocket: []
        case .following(_, _, let port): [ReservedPort(port: port, use: "the proxy's control port")]
        }
    }
}

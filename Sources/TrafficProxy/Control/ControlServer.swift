import Foundation
import Logging
import ModelManifests
import NIOCore
import NIOHTTP1
import NIOPosix
import Serving

/// Access to the data plane from the control server's event loop, so that encoding and disk access never delay a request.
struct DataPlaneHandle: Sendable {
    let loop: any EventLoop
    let plane: NIOLoopBound<DataPlane>

    func apply(_ routes: AcceptedRoutes, with material: RouteMaterial) -> EventLoopFuture<ProxyReport> {
        loop.flatSubmit { plane.value.apply(routes, with: material) }
    }
    func usersToSave() -> EventLoopFuture<[DeploymentKey: KeptUsers]> {
        loop.submit { plane.value.usersToSave() }
    }
    func renewCertificates(
        _ securities: [DeploymentKey: EndpointSecurity], problems: [DeploymentKey: String],
        heldAddresses: [DeploymentKey: String?] = [:]
    ) {
        loop.execute { plane.value.renewCertificates(securities, problems: problems, heldAddresses: heldAddresses) }
    }
    /// Succeeds once the data plane's event loop has processed this call.
    func answers() -> EventLoopFuture<Void> { loop.submit {} }
    func report() -> EventLoopFuture<ProxyReport> { loop.submit { plane.value.report() } }
    func traffic() -> EventLoopFuture<TrafficSnapshot> { loop.submit { plane.value.traffic() } }
    func drain() -> EventLoopFuture<Void> { loop.flatSubmit { plane.value.drain() } }
    func stop() -> EventLoopFuture<Void> { loop.submit { plane.value.stop() } }
}

/// HTTP/1.1 on `proxy/control.sock`: `GET` and `PUT /routes`, `GET /report`, `GET /metrics`, `GET /healthz`. If the proxy follows
/// a cluster it listens on a port instead, and serves only the `GET` paths other than `/routes`.
struct ControlServer: Sendable {
    let channel: any Channel
    /// Where it listens, for the log.
    let place: String

    static func start(
        directions: RouteSource, socket: String, limits: ProxyLimits, follower: RouteFollower, logger: Logger,
        on loop: any EventLoop
    ) async throws -> ControlServer {
        switch directions {
        case .fromSocket:
            return try await startOnSocket(socket, limits, follower, logger, on: loop)
        case .following(_, let host, let port):
            let bootstrap = bootstrap(takesRoutes: false, limits, follower, logger, on: loop)
            do {
                // An earlier proxy may have left connections in TIME_WAIT.
                let channel = try await bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .bind(host: host, port: port).get()
                return ControlServer(
                    channel: channel, place: "\(host):\(channel.localAddress?.port ?? port)")
            } catch {
                throw ProxyError(.controlSocket, "cannot listen on port \(port): \(error). Choose another port.")
            }
        }
    }

    private static func startOnSocket(
        _ socket: String, _ limits: ProxyLimits, _ follower: RouteFollower, _ logger: Logger, on loop: any EventLoop
    ) async throws -> ControlServer {
        guard (try? SocketAddress(unixDomainSocketPath: socket)) != nil else {
            throw ProxyError(
                .controlSocket, "\(socket) is too long for a socket path. Choose a shorter --state-dir.")
        }
        // This process holds the lock, so an existing socket file is left from an ended proxy.
        unlink(socket)
        do {
            let channel = try await bootstrap(takesRoutes: true, limits, follower, logger, on: loop)
                .bind(unixDomainSocketPath: socket).get()
            chmod(socket, 0o600)
            return ControlServer(channel: channel, place: socket)
        } catch {
            throw ProxyError(
                .controlSocket, "cannot open \(socket): \(error). Choose another --state-dir.")
        }
    }

    private static func bootstrap(
        takesRoutes: Bool, _ limits: ProxyLimits, _ follower: RouteFollower, _ logger: Logger, on loop: any EventLoop
    ) -> ServerBootstrap {
        let count = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: loop)
        return ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    try sync.addHandler(
                        IdleStateHandler(allTimeout: .nanoseconds(limits.controlIdleTime.nanosecondsClamped)))
                    try sync.configureHTTPServerPipeline(withErrorHandling: true)
                    try sync.addHandler(
                        ControlHandler(
                            follower: follower, takesRoutes: takesRoutes, limits: limits, logger: logger,
                            connections: count))
                }
            }
    }
}

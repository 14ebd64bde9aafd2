import Foundation
import Logging
import ModelManifests
import NIOCore
import NIOHTTP1
import NIOPosix
import Serving

/// What the control socket asks of the data plane, from another event loop: encoding and disk never hold up a request.
struct DataPlaneHandle: Sendable {
    let loop: any EventLoop
    let plane: NIOLoopBound<DataPlane>

    func apply(_ routes: ProxyRoutes, with material: RouteMaterial = RouteMaterial()) -> EventLoopFuture<ProxyReport> {
        loop.flatSubmit { plane.value.apply(routes, with: material) }
    }
    func newlyKeptUsers() -> EventLoopFuture<[DeploymentKey: KeptUsers]> {
        loop.submit { plane.value.newlyKeptUsers() }
    }
    func report() -> EventLoopFuture<ProxyReport> { loop.submit { plane.value.report() } }
    func traffic() -> EventLoopFuture<TrafficSnapshot> { loop.submit { plane.value.traffic() } }
    func drain() -> EventLoopFuture<Void> { loop.flatSubmit { plane.value.drain() } }
    func stop() -> EventLoopFuture<Void> { loop.submit { plane.value.stop() } }
}

/// HTTP/1.1 on `proxy/control.sock`: `PUT /routes`, `GET /report`, `GET /metrics`, `GET /healthz`.
struct ControlServer: Sendable {
    let channel: any Channel

    static func start(
        files: ProxyFiles, limits: ProxyLimits, follower: RouteFollower, logger: Logger, on loop: any EventLoop
    ) async throws -> ControlServer {
        // A UNIX domain socket's address has room for 108 bytes.
        guard files.controlSocket.utf8.count < 108 else {
            throw ProxyError(
                .controlSocket, "\(files.controlSocket) is too long for a socket: choose a shorter --state-dir")
        }
        // The lock is ours: a socket that is still there belongs to nobody.
        unlink(files.controlSocket)
        let count = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: loop)
        do {
            let channel = try await ServerBootstrap(group: loop)
                .serverChannelOption(.backlog, value: 64)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let sync = channel.pipeline.syncOperations
                        try sync.addHandler(
                            IdleStateHandler(allTimeout: .nanoseconds(limits.controlIdleTime.nanosecondsClamped)))
                        try sync.configureHTTPServerPipeline(withErrorHandling: true)
                        try sync.addHandler(
                            ControlHandler(
                                follower: follower, limits: limits, logger: logger, connections: count))
                    }
                }
                .bind(unixDomainSocketPath: files.controlSocket).get()
            chmod(files.controlSocket, 0o600)
            return ControlServer(channel: channel)
        } catch {
            throw ProxyError(
                .controlSocket, "cannot open \(files.controlSocket): \(error): choose another --state-dir")
        }
    }
}

import Logging
import ModelManifests
import NIOCore
import Serving

/// What routes need from the disk, read before the data plane sees them.
struct RouteMaterial: Sendable {
    /// Of A/B tests that an earlier proxy routed.
    var keptUsers: [DeploymentKey: KeptUsers] = [:]
    var recorded: [DeploymentKey: RecordedRequests] = [:]
    /// What is wrong with it, for the report.
    var problems: [DeploymentKey: [String]] = [:]
}

/// Has the data plane follow routes, and keeps on the disk what a restart needs. All of it on the control socket's
/// thread: requests wait for no disk.
struct RouteFollower: Sendable {
    let plane: DataPlaneHandle
    let file: RoutesFile
    let kept: KeptUsersFolder
    let limits: ProxyLimits
    let logger: Logger
    /// The control socket's.
    let loop: any EventLoop

    init(plane: DataPlaneHandle, files: ProxyFiles, limits: ProxyLimits, logger: Logger, loop: any EventLoop) {
        self.plane = plane
        self.limits = limits
        self.logger = logger
        self.loop = loop
        file = RoutesFile(path: files.routes)
        kept = KeptUsersFolder(path: files.keptUsers, limits: limits, logger: logger)
    }

    /// New routes of the controller's.
    func follow(_ routes: ProxyRoutes) -> EventLoopFuture<ProxyReport> {
        // Who came under the old weights is on the disk before the new ones hold, and the last of them right after.
        keepUsers().flatMap { _ in
            do {
                try file.save(routes)
            } catch {
                // What serves matters more than what a restart would find.
                logger.error("routes cannot be kept for a restart", metadata: ["reason": "\(error)"])
            }
            return plane.apply(routes, with: material(for: routes)).hop(to: loop)
        }.flatMap { report in
            kept.keepOnly(Self.tests(in: routes))
            return keepUsers().map { report }
        }
    }

    /// The routes that an earlier proxy followed.
    func resume(_ routes: ProxyRoutes) -> EventLoopFuture<ProxyReport> {
        var material = material(for: routes)
        material.keptUsers = kept.load(Self.tests(in: routes))
        return plane.apply(routes, with: material)
    }

    /// Writes the users who came since the last time.
    func keepUsers() -> EventLoopFuture<Void> { plane.newlyKeptUsers().hop(to: loop).map { kept.save($0) } }

    private static func tests(in routes: ProxyRoutes) -> [DeploymentKey] {
        routes.routes.filter(\.keepsUsers).map(\.deployment)
    }

    private func material(for routes: ProxyRoutes) -> RouteMaterial {
        var material = RouteMaterial()
        for route in routes.routes {
            guard let generate = route.generate else { continue }
            do {
                material.recorded[route.deployment] = try RecordedRequests(
                    file: generate.file, path: generate.path, limits: limits)
            } catch {
                logger.warning(
                    "no recorded requests are sent",
                    metadata: ["deployment": "\(route.deployment)", "reason": "\(error)"])
                material.problems[route.deployment, default: []].append("\(error)")
            }
        }
        return material
    }
}

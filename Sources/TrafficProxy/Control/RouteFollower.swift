import Logging
import ModelManifests
import NIOCore
import Serving

/// What routes need from the disk, read before the data plane sees them.
struct RouteMaterial: Sendable {
    /// Of A/B tests that an earlier proxy routed.
    var keptUsers: [DeploymentKey: KeptUsers] = [:]
    var recorded: [DeploymentKey: RequestLines] = [:]
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
    /// Ports of the proxy's own.
    let reservedPorts: [ReservedPort]
    /// The control socket's.
    let loop: any EventLoop
    /// What was accepted last.
    private let followed: NIOLoopBoundBox<AcceptedRoutes>

    init(
        plane: DataPlaneHandle, files: ProxyFiles, limits: ProxyLimits, reservedPorts: [ReservedPort], logger: Logger,
        loop: any EventLoop
    ) {
        self.plane = plane
        self.limits = limits
        self.reservedPorts = reservedPorts
        self.logger = logger
        self.loop = loop
        file = RoutesFile(path: files.routes, limits: limits)
        kept = KeptUsersFolder(path: files.keptUsers, limits: limits, logger: logger)
        followed = .makeBoxSendingValue(AcceptedRoutes(routes: ProxyRoutes()), eventLoop: loop)
    }

    /// New routes. What is wrong with one of them stops no other; the report says what is refused.
    func follow(_ routes: ProxyRoutes) -> EventLoopFuture<ProxyReport> {
        // Who came under the old weights is on the disk before the new ones hold, and the last of them right after.
        keepUsers().flatMap { _ in
            let accepted = accept(routes)
            save(accepted.routes)
            return plane.apply(accepted, with: material(for: accepted.routes)).hop(to: loop).flatMap { report in
                saveHeldPorts(accepted.routes, report)
                kept.keepOnly(Self.tests(in: accepted.routes))
                return keepUsers().map { report }
            }
        }
    }

    /// What was accepted last.
    var routes: ProxyRoutes { followed.value.routes }

    /// The routes that an earlier proxy followed.
    func resume(_ routes: ProxyRoutes) -> EventLoopFuture<ProxyReport> {
        loop.flatSubmit {
            let accepted = accept(routes)
            var material = material(for: accepted.routes)
            material.keptUsers = kept.load(Self.tests(in: accepted.routes))
            return plane.apply(accepted, with: material).hop(to: loop)
        }
    }

    private func accept(_ routes: ProxyRoutes) -> AcceptedRoutes {
        var routes = routes
        routes.reservedPorts += reservedPorts.filter { !routes.reservedPorts.contains($0) }
        let accepted = RoutesValidation.accept(routes, following: followed.value, limits: limits)
        for refusal in accepted.refusals {
            logger.error(
                "a part of a route is not followed",
                metadata: [
                    "deployment": "\(refusal.deployment)", "reason": "\(refusal.reasons.joined(separator: "; "))",
                ])
        }
        followed.value = accepted
        return accepted
    }

    private func save(_ routes: ProxyRoutes) {
        do {
            try file.save(routes)
        } catch {
            // What serves matters more than what a restart would find.
            logger.error("routes cannot be kept for a restart", metadata: ["reason": "\(error)"])
        }
    }

    /// An endpoint that could not move is where it was, also after a restart.
    private func saveHeldPorts(_ routes: ProxyRoutes, _ report: ProxyReport) {
        let listening = Dictionary(report.endpoints.filter(\.listening).map { ($0.deployment, $0.port) }) { $1 }
        var held = routes
        for index in held.routes.indices {
            if let port = listening[held.routes[index].deployment] { held.routes[index].port = port }
        }
        if held != routes { save(held) }
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
                material.recorded[route.deployment] = try RequestLines(
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

import Logging
import ModelManifests
import NIOCore
import Serving

/// Data that routes need from the disk. Read before the routes reach the data plane.
struct RouteMaterial: Sendable {
    /// Users of A/B tests that an earlier proxy routed.
    var keptUsers: [DeploymentKey: KeptUsers] = [:]
    var recorded: [DeploymentKey: RequestLines] = [:]
    /// What is wrong with this data, for the report.
    var problems: [DeploymentKey: [String]] = [:]
    /// Of routes with TLS.
    var securities: [DeploymentKey: EndpointSecurity] = [:]
    /// Why the files of now are not used, although the endpoint accepts connections.
    var certificateProblems: [DeploymentKey: String] = [:]
    /// Where endpoints stay whose new files cannot be used.
    var heldAddresses: [DeploymentKey: String?] = [:]
}

/// Applies routes to the data plane, and saves to disk what a restart needs. Everything runs on the control server's thread, so
/// requests wait for no disk.
struct RouteFollower: Sendable {
    let plane: DataPlaneHandle
    let file: RoutesFile
    let kept: KeptUsersFolder
    let limits: ProxyLimits
    let logger: Logger
    /// The proxy's own ports.
    let reservedPorts: [ReservedPort]
    /// The control server's event loop.
    let loop: any EventLoop
    /// The routes that were accepted last.
    private let followed: NIOLoopBoundBox<AcceptedRoutes>
    private let certificates: NIOLoopBoundBox<EndpointCertificates>

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
        certificates = .makeBoxSendingValue(EndpointCertificates(), eventLoop: loop)
        followed = .makeBoxSendingValue(AcceptedRoutes(routes: ProxyRoutes()), eventLoop: loop)
    }

    /// Applies new routes. A fault in one route does not stop the others. The report names what is refused.
    func follow(_ routes: ProxyRoutes) -> EventLoopFuture<ProxyReport> {
        // Users assigned under the old weights are saved before the new weights apply, and the last of them right after.
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

    /// The routes that were accepted last.
    var routes: ProxyRoutes { followed.value.routes }

    /// Applies the routes that an earlier proxy followed.
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
                "a part of a route is refused",
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
            // Not fatal: serving now matters more than what a restart would find.
            logger.error("routes cannot be saved for a restart", metadata: ["reason": "\(error)"])
        }
    }

    /// Saves the old port of an endpoint that could not move, so that it stays there after a restart.
    private func saveHeldPorts(_ routes: ProxyRoutes, _ report: ProxyReport) {
        let listening = Dictionary(report.endpoints.filter(\.listening).map { ($0.deployment, $0.port) }) { $1 }
        var held = routes
        for index in held.routes.indices {
            if let port = listening[held.routes[index].deployment] { held.routes[index].port = port }
        }
        if held != routes { save(held) }
    }

    /// Writes the users who were assigned since the last call.
    func keepUsers() -> EventLoopFuture<Void> { plane.usersToSave().hop(to: loop).map { kept.save($0) } }

    /// Reads the certificates of endpoints again. New ones are for new connections: open ones stay.
    func renewCertificates() {
        guard certificates.value.follow(followed.value.routes.routes) else { return }
        let problems = certificates.value.problems
        for (deployment, problem) in problems {
            logger.error(
                "an endpoint keeps its last certificate or setting",
                metadata: ["deployment": "\(deployment)", "reason": "\(problem)"])
        }
        plane.renewCertificates(
            certificates.value.securities, problems: problems, heldAddresses: certificates.value.heldAddresses)
    }

    private static func tests(in routes: ProxyRoutes) -> [DeploymentKey] {
        routes.routes.filter(\.keepsUsers).map(\.deployment)
    }

    private func material(for routes: ProxyRoutes) -> RouteMaterial {
        var material = RouteMaterial()
        _ = certificates.value.follow(routes.routes)
        material.securities = certificates.value.securities
        material.certificateProblems = certificates.value.problems
        material.heldAddresses = certificates.value.heldAddresses
        for route in routes.routes {
            guard let generate = route.generate else { continue }
            do {
                material.recorded[route.deployment] = try RequestLines(
                    file: generate.file, path: generate.path, limits: limits)
            } catch {
                logger.warning(
                    "recorded requests cannot be sent",
                    metadata: ["deployment": "\(route.deployment)", "reason": "\(error)"])
                material.problems[route.deployment, default: []].append("\(error)")
            }
        }
        return material
    }
}

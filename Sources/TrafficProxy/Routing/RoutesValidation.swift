import HTTP1
import ModelManifests
import NIOCore
import Serving

/// Validates routes, which come from another process: anything that could break the proxy or a header is refused before it has an
/// effect.
///
/// # Guarantees
/// - A fault in one route has no effect on other routes.
/// - If part of a route is refused, the rest is applied and that part stays as it was. Above all, weights apply whatever else is
///   refused.
enum RoutesValidation {
    /// - Parameter last: the routes that were accepted before.
    static func accept(
        _ new: ProxyRoutes, following last: AcceptedRoutes = AcceptedRoutes(routes: ProxyRoutes()), limits: ProxyLimits
    ) -> AcceptedRoutes {
        let former = Dictionary(last.routes.routes.map { ($0.deployment, $0) }) { first, _ in first }
        var accepted = AcceptedRoutes(
            routes: ProxyRoutes(generation: new.generation, reservedPorts: new.reservedPorts))
        var seen: Set<DeploymentKey> = []
        for route in new.routes {
            let deployment = route.deployment
            guard seen.insert(deployment).inserted else {
                accepted.refuse(deployment, "its route is listed twice: only the first is used")
                continue
            }
            guard accepted.routes.routes.count < limits.routes else {
                accepted.refuse(deployment, "there are over \(limits.routes) routes")
                accepted.unrouted[deployment] = route.port
                continue
            }
            let mended = RouteRepair(route, former: former[deployment], limits: limits)
            for fault in mended.faults { accepted.refuse(deployment, fault) }
            if let route = mended.route {
                accepted.routes.routes.append(route)
            } else {
                accepted.unrouted[deployment] = route.port
            }
        }
        PortValidation.check(&accepted, following: last)
        return accepted
    }

    static func check(_ revision: RevisionRoute) -> [String] {
        let name = revision.revision.rawValue
        // The name becomes a header's value.
        if name.isEmpty || name.utf8.count > 64 || !name.utf8.allSatisfy(\.isRequestId) {
            return ["a revision's name is not 1 to 64 letters, digits, '.', '-' or '_'"]
        }
        return []
    }

    static func check(_ routing: Routing) -> [String] {
        switch routing {
        case .random: return []
        case .stickyHeader(let name), .stickyCookie(let name):
            return isToken(name) ? [] : ["the sticky key's name is not a token"]
        case .matchHeader(let name, let value), .matchCookie(let name, let value):
            var problems: [String] = []
            if !isToken(name) { problems.append("the name of the matched header or cookie is not a token") }
            if !(1...1024).contains(value.utf8.count) {
                problems.append("the matched value does not have 1 to 1,024 bytes")
            }
            return problems
        }
    }

    static func check(_ upstream: Upstream) -> [String] {
        var problems: [String] = []
        if !(1...65535).contains(upstream.port) {
            problems.append("instance \(upstream.instance): port \(upstream.port) is not between 1 and 65535")
        }
        if let port = upstream.rpcPort, !(1...65535).contains(port) {
            problems.append("instance \(upstream.instance): port \(port) is not between 1 and 65535")
        }
        if (try? SocketAddress(ipAddress: upstream.host, port: 1)) == nil {
            problems.append("instance \(upstream.instance): its host is not an IP address")
        }
        if upstream.instance.isEmpty || upstream.instance.utf8.count > 256 {
            problems.append("an instance's ID is not 1 to 256 bytes")
        }
        return problems
    }

    static func check(_ tls: EndpointTLS) -> [String] {
        tls.files.filter { !$0.path.hasPrefix("/") || $0.path.utf8.contains(0) }.map {
            "endpoint.tls: the path of \($0.field) is not absolute"
        }
    }

    static func check(_ generate: SyntheticRoute, limits: ProxyLimits) -> [String] {
        var problems: [String] = []
        if !(generate.ratePerSecond > 0 && generate.ratePerSecond <= limits.syntheticPerSecond) {
            problems.append("generate: the rate is not between 0 and \(limits.syntheticPerSecond) per second")
        }
        if !generate.file.hasPrefix("/") || generate.file.utf8.contains(0) {
            problems.append("generate: the file's path is not absolute")
        }
        if let path = generate.path, !RequestLines.isPath(path) {
            problems.append("generate: the path does not start with '/', or has spaces")
        }
        return problems
    }

    static func isToken(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 128 && name.utf8.allSatisfy(\.isToken)
    }
}

import ModelManifests
import NIOCore
import Serving

/// Routes come from another process: whatever could break the proxy, or a header, is refused before anything changes.
enum RoutesValidation {
    /// - Throws: `ProxyError` with everything that is wrong.
    static func check(_ routes: ProxyRoutes, limits: ProxyLimits) throws {
        var problems: [String] = []
        if routes.routes.count > limits.routes { problems.append("over \(limits.routes) routes") }
        var ports: Set<Int> = []
        var deployments: Set<DeploymentKey> = []
        for route in routes.routes {
            let name = route.deployment.description
            if !deployments.insert(route.deployment).inserted { problems.append("\(name) is there twice") }
            for (port, noun) in route.ports {
                if !(1...65535).contains(port) {
                    problems.append("\(name): \(noun) \(port) is not between 1 and 65535")
                } else if !ports.insert(port).inserted {
                    problems.append("\(name): \(noun) \(port) is taken by another route or preview")
                }
            }
            problems += check(route, limits: limits).map { "\(name): \($0)" }
        }
        for route in routes.routes {
            for upstream in route.revisions.flatMap(\.upstreams)
            where upstream.host == Upstream.loopback && ports.contains(upstream.port) {
                problems.append(
                    "\(route.deployment): instance \(upstream.instance) is at port \(upstream.port), "
                        + "which is an endpoint: the proxy would call itself")
            }
        }
        guard problems.isEmpty else {
            throw ProxyError(.invalidRoutes, "the routes are invalid: " + problems.prefix(20).joined(separator: "; "))
        }
    }

    /// Those that could be followed together, the earlier of two that exclude each other, and what is wrong with the rest.
    static func valid(of routes: [ProxyRoute], limits: ProxyLimits) -> (valid: [ProxyRoute], faults: [String]) {
        if (try? check(ProxyRoutes(routes: routes), limits: limits)) != nil { return (routes, []) }
        var valid: [ProxyRoute] = []
        var faults: [String] = []
        for route in routes {
            do {
                try check(ProxyRoutes(routes: valid + [route]), limits: limits)
                valid.append(route)
            } catch {
                faults.append("\(error)")
            }
        }
        return (valid, faults)
    }

    private static func check(_ route: ProxyRoute, limits: ProxyLimits) -> [String] {
        var problems: [String] = []
        let weights = route.revisions.map(\.weight)
        if weights.contains(where: { !(0...100).contains($0) }) {
            problems.append("a weight is not between 0 and 100")
        } else if ![0, 100].contains(weights.reduce(0, +)) {
            problems.append("the weights \(weights) neither sum to 100 nor are all 0")
        }
        if route.revisions.count > limits.revisionsPerRoute {
            problems.append("over \(limits.revisionsPerRoute) revisions")
        }
        if Set(route.revisions.map(\.revision)).count != route.revisions.count {
            problems.append("a revision is there twice")
        }
        if route.requestTimeout <= .zero || route.requestTimeout > .seconds(86_400) {
            problems.append("requestTimeout is not between 0 and 24 h")
        }
        switch route.routing {
        case .random: break
        case .stickyHeader(let name), .stickyCookie(let name):
            if !isToken(name) { problems.append("the sticky key's name is not a token") }
        case .matchHeader(let name, let value), .matchCookie(let name, let value):
            if !isToken(name) { problems.append("the name of what is matched is not a token") }
            if !(1...1024).contains(value.utf8.count) {
                problems.append("the value that is matched does not have 1 to 1,024 bytes")
            }
        }
        problems += checkTaps(of: route, limits: limits)
        if let generate = route.generate { problems += check(generate, limits: limits) }
        for revision in route.revisions {
            // It becomes a header's value.
            if revision.revision.rawValue.isEmpty || revision.revision.rawValue.utf8.count > 64
                || !revision.revision.rawValue.utf8.allSatisfy(\.isRequestId)
            {
                problems.append("a revision's name is not 1 to 64 letters, digits, '.', '-' or '_'")
            }
            if revision.upstreams.count > limits.upstreamsPerRevision {
                problems.append("over \(limits.upstreamsPerRevision) instances of revision \(revision.revision)")
            }
            if Set(revision.upstreams.map(\.instance)).count != revision.upstreams.count {
                problems.append("an instance of revision \(revision.revision) is there twice")
            }
            for upstream in revision.upstreams {
                if !(1...65535).contains(upstream.port) {
                    problems.append("instance \(upstream.instance): port \(upstream.port) is not between 1 and 65535")
                }
                if (try? SocketAddress(ipAddress: upstream.host, port: 1)) == nil {
                    problems.append("instance \(upstream.instance): its host is not an IP address")
                }
                if upstream.instance.isEmpty || upstream.instance.utf8.count > 256 {
                    problems.append("an instance's id is not 1 to 256 bytes")
                }
            }
        }
        return problems
    }

    private static func check(_ generate: SyntheticRoute, limits: ProxyLimits) -> [String] {
        var problems: [String] = []
        if !(generate.ratePerSecond > 0 && generate.ratePerSecond <= limits.syntheticPerSecond) {
            problems.append("generate: the rate is not between 0 and \(limits.syntheticPerSecond) a second")
        }
        if !generate.file.hasPrefix("/") || generate.file.utf8.contains(0) {
            problems.append("generate: the file's path is not absolute")
        }
        if let path = generate.path, !RecordedRequests.isPath(path) {
            problems.append("generate: the path does not start with '/', or has spaces")
        }
        return problems
    }

    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 128 && name.utf8.allSatisfy(\.isToken)
    }
}

extension ProxyRoute {
    /// All ports that are listened at.
    fileprivate var ports: [(port: Int, noun: String)] {
        [(port, "port")] + revisions.compactMap { revision in revision.previewPort.map { ($0, "preview port") } }
    }
}

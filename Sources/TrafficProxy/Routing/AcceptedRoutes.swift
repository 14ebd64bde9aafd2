import ModelManifests
import Serving

/// Routes as the proxy follows them, and the parts that it refused.
struct AcceptedRoutes: Hashable, Sendable {
    /// Why an owner does not get the port that it asks for.
    struct PortRefusal: Hashable, Sendable {
        var asked: Int
        /// The port that the owner keeps. Nil if it has none.
        var kept: Int?
        var reason: String
    }

    /// Valid routes. A refused part of a route stays as it was before.
    var routes: ProxyRoutes
    /// The reasons of each refusal, in the order in which they were found, and what is done instead.
    private(set) var refused: [DeploymentKey: [String]] = [:]
    /// The part of `refused` that is not about ports.
    private(set) var refusedBesidesPorts: [DeploymentKey: [String]] = [:]
    private(set) var portFaults: [PortOwner: PortRefusal] = [:]
    /// The ports of deployments without any route, because theirs was refused.
    var unrouted: [DeploymentKey: Int] = [:]

    var refusals: [RouteRefusal] {
        refused.map { RouteRefusal(deployment: $0.key, reasons: $0.value) }.sorted { $0.deployment < $1.deployment }
    }

    mutating func refuse(_ deployment: DeploymentKey, _ reason: String) {
        refused[deployment, default: []].append(reason)
        refusedBesidesPorts[deployment, default: []].append(reason)
    }

    mutating func refuse(_ owner: PortOwner, _ fault: PortRefusal) {
        portFaults[owner] = fault
        refused[owner.deployment, default: []].append(fault.reason)
    }

    /// The port that each owner should get. Nil: the port that it has.
    var wantedPorts: [PortOwner: Int?] {
        var wanted: [PortOwner: Int?] = [:]
        for route in routes.routes {
            for (owner, port) in route.portsByOwner {
                wanted[owner] = .some(portFaults[owner].map(\.kept) ?? port)
            }
        }
        return wanted
    }
}

extension ProxyRoute {
    /// All ports of the route: its endpoint and its previews.
    var portsByOwner: [(owner: PortOwner, port: Int)] {
        [(PortOwner(deployment: deployment), port)]
            + revisions.compactMap { revision in
                revision.previewPort.map {
                    (PortOwner(deployment: deployment, preview: revision.revision), $0)
                }
            }
    }
}

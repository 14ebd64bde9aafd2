import ModelManifests
import Serving

/// Routes as the proxy follows them: what could be followed of those that it was given, and what could not.
struct AcceptedRoutes: Hashable, Sendable {
    /// Why an owner does not get the port that it asks for.
    struct PortFault: Hashable, Sendable {
        var asked: Int
        /// The port that it keeps; nil where it has none.
        var kept: Int?
        var reason: String
    }

    /// Valid. Where a part of a route was refused, it has that part as it was before.
    var routes: ProxyRoutes
    /// Why, and what is done instead, in the order in which it was found.
    private(set) var refused: [DeploymentKey: [String]] = [:]
    /// Of those, what is wrong with something else than a port.
    private(set) var refusedBesidesPorts: [DeploymentKey: [String]] = [:]
    private(set) var portFaults: [PortOwner: PortFault] = [:]
    /// What is asked for by deployments that have no route at all, because theirs was refused.
    var unrouted: [DeploymentKey: Int] = [:]

    var refusals: [RouteRefusal] {
        refused.map { RouteRefusal(deployment: $0.key, reasons: $0.value) }.sorted { $0.deployment < $1.deployment }
    }

    mutating func refuse(_ deployment: DeploymentKey, _ reason: String) {
        refused[deployment, default: []].append(reason)
        refusedBesidesPorts[deployment, default: []].append(reason)
    }

    mutating func refuse(_ owner: PortOwner, _ fault: PortFault) {
        portFaults[owner] = fault
        refused[owner.deployment, default: []].append(fault.reason)
    }

    /// The port that each owner is to have; nil: the one that it has.
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
    /// All ports that are listened at.
    var portsByOwner: [(owner: PortOwner, port: Int)] {
        [(PortOwner(deployment: deployment), port)]
            + revisions.compactMap { revision in
                revision.previewPort.map {
                    (PortOwner(deployment: deployment, preview: revision.revision), $0)
                }
            }
    }
}

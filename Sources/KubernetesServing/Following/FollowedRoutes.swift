import ModelManifests
import Serving

/// The routes that a namespace's proxies follow, from what the API server says. Pure.
enum FollowedRoutes {
    /// - Parameters:
    ///   - maps: of all deployments of the namespace.
    ///   - slices: of all their revisions.
    /// - Returns: in the order of the deployments' names.
    static func compose(maps: [RouteConfigMap], slices: [RevisionEndpoints]) -> [ProxyRoute] {
        let byRevision = Dictionary(grouping: slices) {
            Revision(rawValue: $0.metadata.labels[ObjectLabels.revision] ?? "")
        }
        return maps.compactMap(\.route).map { route in
            var route = route
            for index in route.revisions.indices {
                let own = (byRevision[route.revisions[index].revision] ?? []).filter {
                    $0.metadata.labels[ObjectLabels.deployment] == route.deployment.name
                }
                route.revisions[index].upstreams = upstreams(own)
            }
            return route
        }
        .sorted { $0.deployment < $1.deployment }
    }

    /// A pod can stand in two slices for a while: it is one instance.
    private static func upstreams(_ slices: [RevisionEndpoints]) -> [Upstream] {
        var found: [String: Upstream] = [:]
        for slice in slices {
            guard let port = slice.servingPort else { continue }
            for endpoint in slice.endpoints where endpoint.isReady {
                guard let host = endpoint.addresses.first else { continue }
                let pod = endpoint.targetRef?.name ?? host
                found[pod] = Upstream(instance: pod, host: host, port: port)
            }
        }
        return found.values.sorted { $0.instance < $1.instance }
    }
}

import KubernetesClient
import ModelManifests
import Serving

/// The routes that a namespace's proxies follow, from what the API server says. Pure.
struct FollowedRoutes: Sendable {
    /// The last that could be read of each map: somebody's broken edit takes no endpoint away.
    private var readable: [ObjectKey: ProxyRoute] = [:]
    private var latest: [ProxyRoute]?

    /// - Parameters:
    ///   - maps: of all deployments of the namespace.
    ///   - slices: of all their revisions.
    /// - Returns: in the order of the deployments' names; nil where nothing has changed.
    mutating func update(maps: [RouteConfigMap], slices: [RevisionEndpoints]) -> [ProxyRoute]? {
        let former = readable
        readable = [:]
        for map in maps { readable[map.metadata.key] = map.route ?? former[map.metadata.key] }
        let byRevision = Dictionary(grouping: slices) {
            Revision(rawValue: $0.metadata.labels[ObjectLabels.revision] ?? "")
        }
        let routes = readable.values.map { route in
            Self.filled(route) { revision in
                (byRevision[revision] ?? []).filter {
                    $0.metadata.labels[ObjectLabels.deployment] == route.deployment.name
                }
            }
        }
        .sorted { $0.deployment < $1.deployment }
        guard routes != latest else { return nil }
        latest = routes
        return routes
    }

    private static func filled(
        _ route: ProxyRoute, slices: (Revision) -> [RevisionEndpoints]
    ) -> ProxyRoute {
        var route = route
        for index in route.revisions.indices {
            route.revisions[index].upstreams = upstreams(slices(route.revisions[index].revision))
        }
        route.revisions = WeightBalance.balanced(route.revisions)
        return route
    }

    /// Those that take new requests; where there are none, those that end and still answer, as kube-proxy does it: pods that
    /// somebody deleted serve until others stand in for them.
    private static func upstreams(_ slices: [RevisionEndpoints]) -> [Upstream] {
        let ready = upstreams(slices) { $0.isReady }
        return ready.isEmpty ? upstreams(slices) { $0.answersWhileEnding } : ready
    }

    /// A pod can stand in two slices for a while: it is one instance.
    private static func upstreams(
        _ slices: [RevisionEndpoints], where isTaken: (RevisionEndpoints.Endpoint) -> Bool
    ) -> [Upstream] {
        var found: [String: Upstream] = [:]
        for slice in slices {
            guard let port = slice.servingPort else { continue }
            for endpoint in slice.endpoints where isTaken(endpoint) {
                guard let host = endpoint.addresses.first else { continue }
                let pod = endpoint.targetRef?.name ?? host
                found[pod] = Upstream(instance: pod, host: host, port: port)
            }
        }
        return found.values.sorted { $0.instance < $1.instance }
    }
}

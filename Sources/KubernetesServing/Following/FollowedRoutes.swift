import KubernetesClient
import ModelManifests
import Serving

/// The routes that a namespace's proxies follow, from what the API server says. Pure.
struct FollowedRoutes: Sendable {
    /// The last of each map that could be read, and was sealed: somebody's broken or forged edit takes no endpoint away.
    private var readable: [ObjectKey: ProxyRoute] = [:]
    private var latest: [ProxyRoute]?
    /// This proxy's pod; nil where it is none.
    private let pod: String?
    private let check: SealCheck?
    /// Maps that say a route that no controller of this proxy's sealed: the last one that was sealed holds.
    private(set) var unsealed: Set<ObjectKey> = []

    init(pod: String? = nil, check: SealCheck? = nil) {
        self.pod = pod
        self.check = check
    }

    /// - Parameters:
    ///   - maps: of all deployments of the namespace.
    ///   - slices: of all their revisions.
    ///   - proxies: of the namespace's proxies.
    /// - Returns: in the order of the deployments' names; nil where nothing has changed.
    mutating func update(
        maps: [RouteConfigMap], slices: [RevisionEndpoints], proxies: [RevisionEndpoints] = []
    ) -> [ProxyRoute]? {
        let evidence = share(proxies)
        let former = readable
        readable = [:]
        unsealed = []
        for map in maps {
            let isSealed = map.isSealed(check)
            if !isSealed { unsealed.insert(map.metadata.key) }
            readable[map.metadata.key] = (isSealed ? map.route : nil) ?? former[map.metadata.key]
        }
        let byRevision = Dictionary(grouping: slices) {
            Revision(rawValue: $0.metadata.labels[ObjectLabels.revision] ?? "")
        }
        let routes = readable.values.map { route in
            Self.filled(route, evidence) { revision in
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
        _ route: ProxyRoute, _ evidence: EvidenceShare?, slices: (Revision) -> [RevisionEndpoints]
    ) -> ProxyRoute {
        var route = route
        route.evidence = route.routing.isSticky ? evidence : nil
        for index in route.revisions.indices {
            route.revisions[index].upstreams = upstreams(slices(route.revisions[index].revision))
        }
        return route
    }

    /// Nil where this proxy does not find itself among those that there are: it then counts all that it sees, rather than
    /// nothing for ever.
    private func share(_ proxies: [RevisionEndpoints]) -> EvidenceShare? {
        let endpoints = proxies.flatMap(\.endpoints)
        guard let pod, endpoints.contains(where: { $0.targetRef?.name == pod }) else { return nil }
        let ready = Set(endpoints.filter(\.isReady).compactMap { $0.targetRef?.name })
        return ready.isEmpty || ready == [pod] ? nil : EvidenceShare(own: pod, all: ready.sorted())
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

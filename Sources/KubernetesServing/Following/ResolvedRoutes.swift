import KubernetesClient
import ModelManifests
import Serving

/// The routes that a namespace's proxies follow, computed from what the API server says. Pure.
struct ResolvedRoutes: Sendable {
    /// The last version of each map that was readable and sealed: a broken or forged edit removes no endpoint.
    private var readable: [NamespacedName: ProxyRoute] = [:]
    private var latest: [ProxyRoute]?
    /// This proxy's pod; nil outside a pod.
    private let pod: String?
    private let check: SealCheck?
    /// Maps with a route that no controller of this proxy sealed. The last sealed route stays in force.
    private(set) var unsealed: Set<NamespacedName> = []

    init(pod: String? = nil, check: SealCheck? = nil) {
        self.pod = pod
        self.check = check
    }

    /// - Parameters:
    ///   - maps: of all deployments of the namespace.
    ///   - slices: of all their revisions.
    ///   - proxies: of the namespace's proxies.
    /// - Returns: the routes, in the order of the deployments' names; nil if nothing has changed.
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
        _ route: ProxyRoute, _ evidence: EvidenceAssignment?, slices: (Revision) -> [RevisionEndpoints]
    ) -> ProxyRoute {
        var route = route
        route.evidence = route.routing.isSticky ? evidence : nil
        for index in route.revisions.indices {
            route.revisions[index].upstreams = upstreams(slices(route.revisions[index].revision))
        }
        return route
    }

    /// Nil if this proxy is not among the listed ones. It then counts everything that it sees, because otherwise it might count
    /// nothing for ever.
    private func share(_ proxies: [RevisionEndpoints]) -> EvidenceAssignment? {
        let endpoints = proxies.flatMap(\.endpoints)
        guard let pod, endpoints.contains(where: { $0.targetRef?.name == pod }) else { return nil }
        let ready = Set(endpoints.filter(\.isReady).compactMap { $0.targetRef?.name })
        return ready.isEmpty || ready == [pod] ? nil : EvidenceAssignment(own: pod, all: ready.sorted())
    }

    /// The endpoints that take new requests. If there are none, those that end and still answer, as kube-proxy does: pods that
    /// somebody deleted serve until others replace them.
    private static func upstreams(_ slices: [RevisionEndpoints]) -> [Upstream] {
        let ready = upstreams(slices) { $0.isReady }
        return ready.isEmpty ? upstreams(slices) { $0.answersWhileEnding } : ready
    }

    /// A pod can be in two slices for a while, but is one instance.
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

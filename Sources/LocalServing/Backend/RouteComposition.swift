import ModelManifests
import Serving

/// Builds the proxy's route of one deployment from its plan and its instances. Pure.
///
/// The route has the plan's weights, even for a revision without an instance: the proxy then sends the request to another
/// revision, and counts it as missed by this one.
enum RouteComposition {
    /// - Returns: nil if the plan has no revisions. Then the endpoint closes.
    static func route(
        plan: ServingPlan, port: Int, previewPort: Int? = nil, instances: [ObservedInstance]
    ) -> ProxyRoute? {
        guard !plan.revisions.isEmpty else { return nil }
        let routes = plan.revisions.map { wanted in
            let rpcPort = wanted.template.runtime.rpcPortName
            return RevisionRoute(
                revision: wanted.revision, weight: wanted.weight,
                upstreams: instances.filter { $0.revision == wanted.revision && $0.serves }
                    .sorted { $0.number < $1.number }
                    .compactMap { instance in
                        instance.port.map {
                            Upstream(instance: instance.id, port: $0, rpcPort: rpcPort.flatMap { instance.ports[$0] })
                        }
                    },
                mirror: wanted.mirror, previewPort: wanted.preview == nil ? nil : previewPort)
        }
        return ProxyRoute(
            deployment: plan.deployment, port: port, routing: plan.endpoint.routing,
            requestTimeout: plan.endpoint.requestTimeout, drainTimeout: plan.endpoint.drainTimeout,
            streamTimeout: plan.endpoint.drain.streamTimeout, revisions: routes, keepsUsers: plan.endpoint.keepsUsers,
            observe: plan.endpoint.observe,
            comparison: plan.comparison ?? ShadowComparison(), generate: synthetic(plan, instances),
            idempotent: plan.endpoint.idempotent, concurrency: plan.endpoint.concurrency,
            slices: plan.endpoint.slices, address: plan.endpoint.address, tls: plan.endpoint.tls)
    }

    /// Synthetic traffic runs only while a candidate is evaluated: it is the last of two revisions.
    private static func synthetic(_ plan: ServingPlan, _ instances: [ObservedInstance]) -> SyntheticRoute? {
        guard let traffic = plan.endpoint.generate, plan.revisions.count > 1, let judged = plan.revisions.last else {
            return nil
        }
        let folders = instances.filter { $0.revision == judged.revision && $0.serves }.compactMap(\.modelFolder)
        return folders.first.map { folder in
            SyntheticRoute(
                ratePerSecond: traffic.ratePerSecond,
                file: folder + (folder.hasSuffix("/") ? "" : "/") + traffic.requests, path: traffic.path)
        }
    }
}

extension ProxyRoute {
    /// This route with the shares that its revisions have in `former`. Unchanged if `former` gives weight to other revisions.
    func withShares(of former: ProxyRoute) -> ProxyRoute {
        let shares = Dictionary(former.revisions.map { ($0.revision, $0) }) { first, _ in first }
        let given = Set(former.revisions.filter { $0.weight > 0 }.map(\.revision))
        guard !given.isEmpty, given.isSubset(of: revisions.map(\.revision)) else { return self }
        var route = self
        for index in route.revisions.indices {
            let share = shares[route.revisions[index].revision]
            route.revisions[index].weight = share?.weight ?? 0
            route.revisions[index].mirror = min(share?.mirror ?? 0, route.revisions[index].mirror)
        }
        return route
    }
}

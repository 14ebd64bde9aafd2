import JSON
import KubernetesClient
import ModelManifests
import Serving

/// mlctl's own proxy, which the deployments of a namespace share: exact counters, sticky users, shadows.
///
/// The route is a ConfigMap that the proxies watch; upstreams come from the EndpointSlices of the revisions' Services. So pods
/// come and go without the controller, and a change of weight is one write.
struct ProxyRouter: ClusterRouter {
    /// The container ports of routes, on the proxies' pods.
    static let ports = 10_000...29_999
    static let routeKey = "route.json"
    /// The controller's seal of the route.
    static let sealKey = "seal"

    var kinds: [any ManagedKind.Type] {
        [ServiceAccountKind.self, RoleKind.self, RoleBindingKind.self, NetworkPolicyKind.self]
    }

    func routes(_ rendering: RouteRendering) -> [WantedObject] {
        guard let port = rendering.proxyPort else { return [] }
        let name = ObjectNames.shortened(rendering.plan.deployment.name)
        let map = NamespacedName(
            namespace: rendering.plan.deployment.namespace, name: ObjectNames.route(rendering.plan.deployment))
        let text = AnnotationJSON.text(Self.route(rendering, port: port))
        var data = [Self.routeKey: text]
        data[Self.sealKey] = rendering.seal?.seal(.route(map: map, text))
        return [
            rendering.object(
                .configMaps, name: map.name, labels: [ObjectLabels.route: "true"], isRoute: true,
                content: ["data": .strings(data)]),
            rendering.object(
                .services, name: name,
                content: [
                    "spec": [
                        "selector": .strings(ProxyRendering.selector),
                        "ports": [ServiceRendering.port(rendering.plan.endpoint, to: .integer(port))],
                    ]
                ]),
        ]
    }

    func shared(_ rendering: RouteRendering) -> [WantedObject] {
        guard let key = rendering.proxyKey else { return [] }
        return ProxyRendering(
            namespace: rendering.plan.deployment.namespace, settings: rendering.settings, key: key,
            sealKey: rendering.seal?.publicKey
        ).objects
    }

    /// The route without upstreams, with the plan's weights: if no pod of a revision answers, the proxy uses another revision,
    /// and counts what this one missed.
    private static func route(_ rendering: RouteRendering, port: Int) -> ProxyRoute {
        let plan = rendering.plan
        return ProxyRoute(
            deployment: plan.deployment, port: port, routing: plan.endpoint.routing,
            requestTimeout: plan.endpoint.requestTimeout, drainTimeout: plan.endpoint.drainTimeout,
            streamTimeout: plan.endpoint.drain.streamTimeout,
            revisions: plan.revisions.map {
                RevisionRoute(revision: $0.revision, weight: $0.weight, mirror: $0.mirror)
            },
            keepsUsers: plan.endpoint.keepsUsers, observe: plan.endpoint.observe,
            comparison: plan.comparison ?? ShadowComparison(),
            generate: synthetic(plan, proxies: rendering.settings.proxyReplicas), idempotent: plan.endpoint.idempotent,
            concurrency: plan.endpoint.concurrency?.shared(by: rendering.settings.proxyReplicas),
            slices: plan.endpoint.slices)
    }

    /// Each proxy's share of the recorded requests, while a candidate is judged. The file has its name from the manifest: each
    /// proxy fetches it from the candidate's pods.
    private static func synthetic(_ plan: ServingPlan, proxies: Int) -> SyntheticRoute? {
        guard let traffic = plan.endpoint.generate, plan.revisions.count > 1 else { return nil }
        return SyntheticRoute(
            ratePerSecond: traffic.ratePerSecond / Double(max(1, proxies)), file: traffic.requests, path: traffic.path)
    }

    func observe(_ seen: RouteInput) -> RouteObservation {
        guard let route = Self.route(in: seen.object(.configMaps, ObjectNames.route(seen.deployment))) else {
            return RouteObservation()
        }
        let shares = route.revisions.map {
            WeightBalance.Share(weight: $0.weight, answers: seen.answering[$0.revision, default: 0] > 0)
        }
        var view = RouteObservation()
        guard seen.readyProxies > 0 else {
            // Nothing routes: no share reaches any pod.
            let problem =
                "no proxy is ready in the namespace \(seen.deployment.namespace): "
                + (seen.proxyTrouble
                    ?? "look at 'kubectl -n \(seen.deployment.namespace) describe deployment \(ObjectNames.proxy)'.")
            view.endpointProblem = problem
            view.problems.append(problem)
            return view
        }
        Self.fill(&view, seen, route, WeightBalance.served(shares))
        guard shares.contains(where: { $0.weight > 0 }) else { return view }
        let service = ObjectNames.shortened(seen.deployment.name)
        if seen.object(.services, service) == nil {
            view.endpointProblem =
                "the Service \(seen.deployment.namespace)/\(service) is missing: nothing leads to the proxies. It is created "
                + "again with the next pass."
        } else if !shares.contains(where: { $0.weight > 0 && $0.answers }) {
            view.endpointProblem = seen.unanswered
        } else {
            view.endpoint = seen.address(ofService: service)
        }
        return view
    }

    /// Uses the shares that all ready proxies agree on. If they cannot be asked at all, the routes in the API server count
    /// instead, because proxies follow them by watch, and a problem says so.
    private static func fill(_ view: inout RouteObservation, _ seen: RouteInput, _ route: ProxyRoute, _ balanced: [Int])
    {
        if let traffic = seen.traffic, traffic.silence == nil {
            let shares = traffic.agreed(by: seen.readyProxies)
            view.weights = shares.map { Dictionary($0.map { ($0.revision, $0.percent) }) { $0 + $1 } }
            view.mirrors = shares.map { Dictionary($0.map { ($0.revision, $0.mirror) }) { $0 + $1 } }
            return
        }
        view.weights = Dictionary(zip(route.revisions.map(\.revision), balanced)) { $0 + $1 }
        view.mirrors = Dictionary(route.revisions.map { ($0.revision, $0.mirror) }) { $0 + $1 }
        guard let silence = seen.traffic?.silence else { return }
        view.problems.append(
            "the proxies of \(seen.deployment.namespace) cannot be asked for their traffic, so their routes count instead: "
                + "\(silence)")
    }

    static func route(in object: JSONValue?) -> ProxyRoute? {
        AnnotationJSON.value(ProxyRoute.self, object?["data"]?[routeKey]?.text)
    }

    /// - Parameter data: of the ConfigMap, in the form that the proxies read.
    static func route(in data: [String: String]?) -> ProxyRoute? {
        AnnotationJSON.value(ProxyRoute.self, data?[routeKey])
    }

    /// - Parameters:
    ///   - remembered: the port that the deployment's route has already.
    ///   - taken: the ports of the namespace's other routes.
    /// - Returns: nil if all ports are taken.
    static func port(for deployment: DeploymentKey, remembered: Int?, taken: Set<Int>) -> Int? {
        if let remembered, ports.contains(remembered), !taken.contains(remembered) { return remembered }
        let hash = ObjectHash.bits(deployment.name)
        let start = Int(hash % UInt64(ports.count))
        return (0..<ports.count).lazy.map { ports.lowerBound + (start + $0) % ports.count }
            .first { !taken.contains($0) }
    }
}

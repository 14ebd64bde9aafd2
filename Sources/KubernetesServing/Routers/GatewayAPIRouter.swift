import JSON
import KubernetesClient
import ModelManifests
import SafeText
import Serving

/// One HTTPRoute with weighted backends: any implementation of Gateway API v1 splits the traffic.
///
/// Header matches and mirrors are part of the API. Matching a cookie needs a regular expression over the `Cookie` header,
/// which not every implementation supports. Sticky users need the proxy.
struct GatewayAPIRouter: ClusterRouter {
    static let routing = "gateway.networking.k8s.io"

    var needs: [RouterRequirement] {
        [
            RouterRequirement(
                type: .httpRoutes,
                advice: "Gateway API is not installed in the cluster: HTTPRoute (\(Self.routing)/v1) is missing. "
                    + "Install it: kubectl apply -f https://github.com/kubernetes-sigs/gateway-api/releases/download/"
                    + "v1.4.0/standard-install.yaml, and a controller for it; or use `router: proxy`.")
        ]
    }

    var kinds: [any ManagedKind.Type] { [HTTPRouteKind.self] }

    func routes(_ rendering: RouteRendering) -> [WantedObject] {
        let target = rendering.target
        return [
            rendering.object(
                .httpRoutes, name: ObjectNames.shortened(rendering.plan.deployment.name), isRoute: true,
                content: [
                    "spec": .fields([
                        "parentRefs": .array(target.gateways.map(Self.parent)),
                        "hostnames": .array(target.hostnames.map(JSONValue.string)),
                        "rules": .array(rules(rendering)),
                    ])
                ])
        ]
    }

    private static func parent(_ gateway: GatewayReference) -> JSONValue {
        .fields([
            "group": .string(routing), "kind": "Gateway", "name": .string(gateway.name),
            "namespace": gateway.namespace.map(JSONValue.string),
            "sectionName": gateway.sectionName.map(JSONValue.string),
        ])
    }

    // MARK: - Rules

    private func rules(_ rendering: RouteRendering) -> [JSONValue] {
        let weights = rendering.balancedWeights
        let plan = rendering.plan
        guard let match = Self.match(plan.endpoint.routing), let candidate = weights.last, weights.count > 1,
            candidate.weight > 0
        else { return [rule(rendering, match: nil, weights)] }
        // Requests with the match belong to the candidate, all others to stable.
        let others = weights.dropLast().map { ($0.revision, $0.revision == weights[0].revision ? 100 : 0) }
        return [
            rule(rendering, match: match, [(candidate.revision, 100)]),
            rule(rendering, match: nil, candidate.weight == 100 ? [(candidate.revision, 100)] : others),
        ]
    }

    private func rule(
        _ rendering: RouteRendering, match: JSONValue?, _ weights: [(revision: Revision, weight: Int)]
    ) -> JSONValue {
        let port = ServiceRendering.portNumber(rendering.plan.endpoint)
        return .fields([
            "matches": [
                JSONValue.object(["path": ["type": "PathPrefix", "value": "/"]])
                    .merging(match.map { ["headers": [$0]] } ?? [:])
            ],
            "filters": .array(mirrors(rendering, port)),
            "backendRefs": .array(
                weights.map { share in
                    Self.backend(rendering.serviceName(share.revision), port).merging([
                        "weight": .integer(share.weight)
                    ])
                }),
            "timeouts": timeout(rendering.plan.endpoint),
        ])
    }

    private func mirrors(_ rendering: RouteRendering, _ port: Int) -> [JSONValue] {
        rendering.plan.revisions.filter { $0.mirror > 0 }.map { shadow in
            var mirror: [String: JSONValue] = ["backendRef": Self.backend(rendering.serviceName(shadow.revision), port)]
            if shadow.mirror < 100 { mirror["percent"] = .integer(shadow.mirror) }
            return ["type": "RequestMirror", "requestMirror": .object(mirror)]
        }
    }

    private static func backend(_ service: String, _ port: Int) -> JSONValue {
        ["group": "", "kind": "Service", "name": .string(service), "port": .integer(port)]
    }

    /// Not every implementation supports this extension, so use it only if the manifest differs from the default.
    private func timeout(_ endpoint: Endpoint) -> JSONValue? {
        guard endpoint.requestTimeout != Endpoint().requestTimeout else { return nil }
        return ["request": .string(Self.duration(endpoint.requestTimeout))]
    }

    /// In the format of GEP-2257: whole hours, minutes, seconds and milliseconds, each with at most five digits.
    private static func duration(_ duration: Duration) -> String {
        let milliseconds = Int(duration / .milliseconds(1))
        let parts = [
            (min(milliseconds / 3_600_000, 99_999), "h"), (milliseconds / 60_000 % 60, "m"),
            (milliseconds / 1000 % 60, "s"), (milliseconds % 1000, "ms"),
        ]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
        return text.isEmpty ? "1ms" : text
    }

    private static func match(_ routing: Routing) -> JSONValue? {
        switch routing {
        case .random, .stickyHeader, .stickyCookie: nil
        case .matchHeader(let name, let value):
            ["type": "Exact", "name": .string(name), "value": .string(value)]
        case .matchCookie(let name, let value):
            [
                "type": "RegularExpression", "name": "Cookie",
                "value": .string(
                    "^(.*?; *)?\(Escape.regularExpression(name))=\(Escape.regularExpression(value))(;.*)?$"),
            ]
        }
    }

    // MARK: - Observing

    func observe(_ seen: RouteInput) -> RouteObservation {
        let name = ObjectNames.shortened(seen.deployment.name)
        guard let plan = seen.plan, let route = seen.object(.httpRoutes, name), let rules = route["spec"]?["rules"]
        else { return RouteObservation() }
        let byService = Dictionary(
            plan.revisions.map { (ObjectNames.revision(seen.deployment, $0.revision), $0.revision) }
        ) { first, _ in first }
        let refusals = Self.refusals(route, of: seen.deployment)
        let isTaken = Self.isTaken(route)
        var view = RouteObservation(
            weights: isTaken ? weights(rules.items, byService, plan) : nil,
            mirrors: mirrors(rules.items, byService, plan), problems: refusals)
        guard plan.isOpen else { return view }
        if let refusal = refusals.first {
            view.endpointProblem = refusal
        } else if !isTaken {
            view.endpointProblem =
                "no gateway has accepted the current HTTPRoute of \(seen.deployment). Does the Gateway that "
                + "`target.gateways` names exist, and does its controller run?"
        } else if !seen.isAnswered {
            view.endpointProblem = seen.unanswered
        } else {
            view.endpoint = endpoint(plan)
        }
        return view
    }

    /// Whether a gateway says that it routes by the current version of the object.
    private static func isTaken(_ route: JSONValue) -> Bool {
        let generation = route["generation"]?.whole
        return (route["status"]?["parents"]?.items ?? []).contains { parent in
            (parent["conditions"]?.items ?? []).contains { condition in
                let seen = condition["observedGeneration"]?.whole
                return condition["type"]?.text == "Accepted" && condition["status"]?.text == "True"
                    && (seen == nil || generation == nil || seen == generation)
            }
        }
    }

    private func weights(_ rules: [JSONValue], _ byService: [String: Revision], _ plan: ServingPlan) -> [Revision: Int]
    {
        // With a match the shares are not in the route: the plan's weights hold as long as the route has the match.
        if rules.count > 1 { return Dictionary(plan.revisions.map { ($0.revision, $0.weight) }) { $0 + $1 } }
        var weights = Dictionary(plan.revisions.map { ($0.revision, 0) }) { first, _ in first }
        for backend in rules.flatMap({ $0["backendRefs"]?.items ?? [] }) {
            guard let revision = backend["name"]?.text.flatMap({ byService[$0] }) else { continue }
            weights[revision, default: 0] += backend["weight"]?.whole ?? 1
        }
        return weights
    }

    private func mirrors(_ rules: [JSONValue], _ byService: [String: Revision], _ plan: ServingPlan) -> [Revision: Int]
    {
        var mirrors = Dictionary(plan.revisions.map { ($0.revision, 0) }) { first, _ in first }
        for filter in rules.first?["filters"]?.items ?? [] {
            guard let mirror = filter["requestMirror"], let name = mirror["backendRef"]?["name"]?.text,
                let revision = byService[name]
            else { continue }
            mirrors[revision] = mirror["percent"]?.whole ?? 100
        }
        return mirrors
    }

    /// The problems that the gateways' controllers report.
    private static func refusals(_ route: JSONValue, of deployment: DeploymentKey) -> [String] {
        (route["status"]?["parents"]?.items ?? []).flatMap { parent in
            (parent["conditions"]?.items ?? []).compactMap { condition in
                guard condition["status"]?.text == "False", let type = condition["type"]?.text,
                    ["Accepted", "ResolvedRefs"].contains(type)
                else { return nil }
                return "gateway \(parent["parentRef"]?["name"]?.text ?? "?") does not accept the HTTPRoute of "
                    + "\(deployment): \(condition["reason"]?.text ?? type): \(condition["message"]?.text ?? ""). "
                    + "Correct `target.gateways` or the Gateway's listeners."
            }
        }
    }

    private func endpoint(_ plan: ServingPlan) -> String? {
        guard case .kubernetes(let target) = plan.target else { return nil }
        if let host = target.hostnames.first { return "http://\(host)" }
        return target.gateways.first.map { "gateway \($0.namespace ?? plan.deployment.namespace)/\($0.name)" }
    }
}

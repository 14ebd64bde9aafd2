import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

private func seen(
    _ plan: ServingPlan, _ routes: [WantedObject], ready: [Revision: Int], proxies: Int = 0,
    adding: (ObjectID, JSONValue)? = nil
) -> RouteInput {
    var objects = Dictionary(routes.map { ($0.id, $0.body) }) { first, _ in first }
    if let adding { objects[adding.0] = adding.1 }
    return RouteInput(
        deployment: plan.deployment, plan: plan, objects: objects, ready: ready, readyProxies: proxies)
}

@Suite("Router: the proxy")
struct ProxyRouterTests {
    @Test("the route has the plan's weights, no upstreams, and the chosen port")
    func route() throws {
        var plan = Sample.plan(
            [(Sample.one, 2, 95), (Sample.two, 1, 5)], endpoint: Endpoint(port: 9000, routing: .stickyHeader("user")))
        plan.revisions[1].mirror = 10
        plan.endpoint.drain = Drain(timeout: .seconds(20), streamTimeout: .seconds(90))
        let routes = Sample.rendering(plan).result().routes
        #expect(routes[0].body["metadata"]?["labels"]?[ObjectLabels.route] == "true")
        let route = try #require(ProxyRouter.route(in: routes[0].body))
        #expect(
            route
                == ProxyRoute(
                    deployment: Sample.key, port: 12_345, routing: .stickyHeader("user"), drainTimeout: .seconds(20),
                    streamTimeout: .seconds(90),
                    revisions: [
                        RevisionRoute(revision: Sample.one, weight: 95),
                        RevisionRoute(revision: Sample.two, weight: 5, mirror: 10),
                    ]))
        #expect(
            routes[1].body["spec"]
                == [
                    "selector": ["app.kubernetes.io/name": "mlctl-proxy", "app.kubernetes.io/managed-by": "mlctl"],
                    "ports": [["name": "http", "port": 9000, "targetPort": 12_345, "protocol": "TCP"]],
                ])
    }

    @Test("the route says what proxies observe, compare and send; each sends its share while a candidate is judged")
    func taps() throws {
        let endpoint = Endpoint(
            observe: [PredictionObservation(name: "score", path: JSONPath(steps: []), buckets: .edges([0, 1]))],
            generate: SyntheticTraffic(ratePerSecond: 10, requests: "r.jsonl", path: "/p"))
        var plan = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)], endpoint: endpoint)
        plan.comparison = ShadowComparison(tolerance: 0.1, range: 2)
        let route = try #require(ProxyRouter.route(in: Sample.rendering(plan).result().routes[0].body))
        #expect(route.observe == endpoint.observe)
        #expect(route.comparison == plan.comparison)
        // With two proxies.
        #expect(route.generate == SyntheticRoute(ratePerSecond: 5, file: "r.jsonl", path: "/p"))
        plan.revisions.removeLast()
        let alone = try #require(ProxyRouter.route(in: Sample.rendering(plan).result().routes[0].body))
        #expect(alone.generate == nil)
    }

    @Test("weights are those that the proxy balances to; without a proxy the endpoint is closed, with the reason")
    func observe() {
        let plan = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)])
        let routes = Sample.rendering(plan).result().routes
        let router = ProxyRouter()
        let well = router.observe(seen(plan, routes, ready: [Sample.one: 2, Sample.two: 1], proxies: 2))
        #expect(
            well
                == RouteObservation(
                    weights: [Sample.one: 95, Sample.two: 5], mirrors: [Sample.one: 0, Sample.two: 0],
                    endpoint: "http://fraud.payments.svc"))
        let ill = router.observe(seen(plan, routes, ready: [Sample.one: 2]))
        // Nothing routes: no share is known.
        #expect(ill.weights == nil)
        #expect(ill.endpoint == nil)
        #expect(ill.problems.count == 1)
        #expect(ill.endpointProblem == ill.problems[0])
        let oneSided = router.observe(seen(plan, routes, ready: [Sample.one: 2], proxies: 1))
        #expect(oneSided.weights == [Sample.one: 100, Sample.two: 0])
        #expect(oneSided.endpoint != nil && oneSided.endpointProblem == nil)
        let empty = router.observe(seen(plan, routes, ready: [:], proxies: 1))
        #expect(empty.endpoint == nil)
        #expect(empty.endpointProblem?.contains("no pod of fraud") == true)
        let unreachable = router.observe(seen(plan, [routes[0]], ready: [Sample.one: 2], proxies: 1))
        #expect(unreachable.endpoint == nil)
        #expect(unreachable.endpointProblem?.contains("Service payments/fraud is missing") == true)
        #expect(router.observe(seen(plan, [], ready: [:])) == RouteObservation())
    }

    @Test("a share is what every ready proxy reports, whatever the API server has")
    func followed() {
        let plan = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)])
        let routes = Sample.rendering(plan).result().routes
        func view(_ shares: [String: [Revision: Int]], silence: String? = nil, proxies: Int = 2) -> RouteObservation {
            var seen = seen(plan, routes, ready: [Sample.one: 2, Sample.two: 1], proxies: proxies)
            seen.traffic = ProxiedTraffic(
                shares: shares.mapValues { $0.map { RouteReport.Share(revision: $0, percent: $1, mirror: 7) } },
                silence: silence)
            return ProxyRouter().observe(seen)
        }
        let now = [Sample.one: 95, Sample.two: 5]
        #expect(view(["a": now, "b": now]).weights == now)
        #expect(view(["a": now, "b": now]).mirrors == [Sample.one: 7, Sample.two: 7])
        let before = [Sample.one: 100, Sample.two: 0]
        #expect(view(["a": before, "b": before]).weights == before)
        #expect(view(["a": now, "b": before]).weights == nil)
        #expect(view(["a": now, "b": [:]]).weights == nil)
        #expect(view(["a": [:], "b": [:]]).weights == nil)
        #expect(view(["a": now]).weights == nil && view(["a": now]).endpoint != nil)
        #expect(view(["a": now], proxies: 1).weights == now)
        // No proxy can be asked: the API server's routes count, and a problem says so.
        let silent = view([:], silence: "connection refused")
        #expect(silent.weights == now && silent.problems.first?.contains("connection refused") == true)
    }

    @Test("ending pods that still answer keep an endpoint open")
    func ending() {
        let plan = Sample.plan([(Sample.one, 2, 100)])
        var seen = seen(plan, Sample.rendering(plan).result().routes, ready: [:], proxies: 1)
        seen.answering = [Sample.one: 1]
        #expect(ProxyRouter().observe(seen).endpoint != nil)
    }

    @Test("a chosen port is kept and is unique; ports can run out")
    func ports() throws {
        let first = try #require(ProxyRouter.port(for: Sample.key, remembered: nil, taken: []))
        #expect(ProxyRouter.ports.contains(first))
        #expect(ProxyRouter.port(for: Sample.key, remembered: nil, taken: []) == first)
        #expect(ProxyRouter.port(for: Sample.key, remembered: 10_007, taken: [first]) == 10_007)
        let second = try #require(ProxyRouter.port(for: Sample.key, remembered: first, taken: [first]))
        #expect(second != first)
        #expect(ProxyRouter.port(for: Sample.key, remembered: nil, taken: Set(ProxyRouter.ports)) == nil)
    }
}

@Suite("Router: Gateway API")
struct GatewayAPIRouterTests {
    private let router = GatewayAPIRouter()

    private func spec(_ plan: ServingPlan, ready: [Revision: Int]) throws -> JSONValue {
        let routes = Sample.rendering(plan, ready: ready).result().routes
        #expect(routes.map { "\($0.id)" } == ["HTTPRoute payments/fraud"])
        return try #require(routes.first?.body["spec"])
    }

    @Test("one rule with weighted backends, attached to the gateways")
    func weighted() throws {
        let plan = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)], router: .gatewayAPI)
        let spec = try spec(plan, ready: [Sample.one: 2, Sample.two: 1])
        let expected = try Sample.json(
            #"""
            {"parentRefs":[{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"web","namespace":"infra"}],
             "hostnames":["fraud.example"],
             "rules":[{"matches":[{"path":{"type":"PathPrefix","value":"/"}}],
               "backendRefs":[
                 {"group":"","kind":"Service","name":"fraud-1111111111","port":80,"weight":95},
                 {"group":"","kind":"Service","name":"fraud-2222222222","port":80,"weight":5}]}]}
            """#)
        #expect(spec == expected)
    }

    @Test("a revision without a ready pod gives its share to the other")
    func balanced() throws {
        let plan = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)], router: .gatewayAPI)
        let backends = try #require(try spec(plan, ready: [Sample.one: 2])["rules"]?[0]?["backendRefs"]?.items)
        #expect(backends.map { $0["weight"] } == [100, 0])
    }

    @Test("requests that are assigned elsewhere go to the candidate while it has a weight, all others to stable")
    func matched() throws {
        let endpoint = Endpoint(routing: .matchHeader("x-group", value: "b"), requestTimeout: .seconds(5))
        let plan = Sample.plan(
            [(Sample.one, 2, 50), (Sample.two, 1, 50)], router: .gatewayAPI, endpoint: endpoint)
        let rules = try #require(try spec(plan, ready: [Sample.one: 2, Sample.two: 1])["rules"]?.items)
        #expect(rules.count == 2)
        let header: JSONValue = ["type": "Exact", "name": "x-group", "value": "b"]
        #expect(rules[0]["matches"]?[0]?["headers"] == [header])
        #expect(rules[0]["backendRefs"]?.items.map { $0["name"] } == ["fraud-2222222222"])
        #expect(rules[1]["backendRefs"]?.items.map { $0["name"] } == ["fraud-1111111111"])
        #expect(rules.allSatisfy { $0["timeouts"] == ["request": "5s"] })
        let none = Sample.plan([(Sample.one, 2, 100), (Sample.two, 1, 0)], router: .gatewayAPI, endpoint: endpoint)
        #expect(try spec(none, ready: [Sample.one: 2, Sample.two: 1])["rules"]?.items.count == 1)
    }

    @Test(
        "a time-out is written in the API's format, to the millisecond",
        arguments: [
            (Duration.milliseconds(1500), "1s500ms"), (.seconds(90), "1m30s"), (.seconds(172_800), "48h"),
            (.seconds(9_000_000_000), "99999h"),
        ])
    func timeouts(timeout: Duration, text: String) throws {
        let plan = Sample.plan(
            [(Sample.one, 1, 100)], router: .gatewayAPI, endpoint: Endpoint(requestTimeout: timeout))
        #expect(try spec(plan, ready: [:])["rules"]?[0]?["timeouts"] == ["request": .string(text)])
    }

    @Test("a cookie is matched as a whole, whatever is in its value")
    func cookie() throws {
        let endpoint = Endpoint(routing: .matchCookie("grp", value: "b.1"))
        let plan = Sample.plan([(Sample.one, 1, 50), (Sample.two, 1, 50)], router: .gatewayAPI, endpoint: endpoint)
        let rules = try #require(try spec(plan, ready: [Sample.one: 1, Sample.two: 1])["rules"]?.items)
        let pattern = try #require(rules[0]["matches"]?[0]?["headers"]?[0]?["value"]?.text)
        let regex = try Regex(pattern)
        #expect(try regex.wholeMatch(in: "a=1; grp=b.1; c=2") != nil)
        #expect(try regex.wholeMatch(in: "grp=b.1") != nil)
        #expect(try regex.wholeMatch(in: "grp=bx1") == nil)
        #expect(try regex.wholeMatch(in: "xgrp=b.1") == nil)
    }

    @Test("a shadow is a mirror")
    func mirror() throws {
        var plan = Sample.plan([(Sample.one, 1, 100), (Sample.two, 1, 0)], router: .gatewayAPI)
        plan.revisions[1].mirror = 20
        let spec = try spec(plan, ready: [Sample.one: 1, Sample.two: 1])
        let mirror: JSONValue = [
            "backendRef": ["group": "", "kind": "Service", "name": "fraud-2222222222", "port": 80], "percent": 20,
        ]
        #expect(spec["rules"]?[0]?["filters"] == [["type": "RequestMirror", "requestMirror": mirror]])
        let route = try #require(Sample.rendering(plan).result().routes.first)
        func view(_ status: String, generation: Int = 2) throws -> RouteObservation {
            let body = route.body.merging(["status": try Sample.json(status), "generation": .integer(generation)])
            return router.observe(
                seen(plan, [], ready: [Sample.one: 1, Sample.two: 1], adding: (route.id, body)))
        }
        let taken =
            #"{"parents":[{"conditions":[{"type":"Accepted","status":"True","observedGeneration":2}]}]}"#
        // A version of the route that no gateway has accepted routes nothing.
        for open in [try view("{}"), try view(taken, generation: 3)] {
            #expect(open.weights == nil && open.endpoint == nil)
            #expect(open.endpointProblem?.contains("no gateway has accepted") == true)
        }
        let view = try view(taken)
        #expect(view.mirrors == [Sample.one: 0, Sample.two: 20])
        #expect(view.weights == [Sample.one: 100, Sample.two: 0])
        #expect(view.endpoint == "http://fraud.example")
    }

    @Test("a refusal by a gateway is a problem, and the endpoint is not open")
    func refused() throws {
        let plan = Sample.plan([(Sample.one, 1, 100)], router: .gatewayAPI)
        let route = try #require(Sample.rendering(plan).result().routes.first)
        let status = try Sample.json(
            #"""
            {"parents":[{"parentRef":{"name":"web"},"conditions":[
              {"type":"Accepted","status":"False","reason":"NotAllowedByListeners","message":"no"},
              {"type":"ResolvedRefs","status":"True"}]}]}
            """#)
        let view = router.observe(
            seen(plan, [], ready: [Sample.one: 1], adding: (route.id, route.body.merging(["status": status]))))
        #expect(view.endpoint == nil)
        #expect(view.problems.count == 1)
        #expect(view.problems[0].contains("NotAllowedByListeners"))
        #expect(view.endpointProblem == view.problems[0])
    }

    @Test("a missing definition is reported with how to install it")
    func needs() {
        #expect(router.needs.map(\.type) == [.httpRoutes])
        #expect(router.needs[0].advice.contains("kubectl apply"))
    }
}

@Suite("Router: numbers of pods")
struct ReplicaRatioRouterTests {
    private let router = ReplicaRatioRouter()

    @Test(
        "pods are in the ratio of the weights, as far as whole pods allow",
        arguments: [
            (2, 5, 2, 1), (10, 10, 10, 1), (20, 25, 20, 7), (4, 50, 4, 4), (4, 75, 1, 4), (4, 99, 1, 4),
        ])
    func ratio(replicas: Int, weight: Int, stable: Int, candidate: Int) {
        let plan = Sample.plan(
            [(Sample.one, replicas, 100 - weight), (Sample.two, replicas, weight)], router: .replicaRatio)
        let result = router.replicas(plan)
        #expect(result[Sample.one] ?? replicas == stable)
        #expect(result[Sample.two] ?? replicas == candidate)
    }

    @Test("before it has weight, a candidate has all its pods, and the Service none of them")
    func selector() {
        let before = Sample.plan([(Sample.one, 2, 100), (Sample.two, 2, 0)], router: .replicaRatio)
        #expect(router.replicas(before).isEmpty)
        #expect(
            ReplicaRatioRouter.selector(before)
                == ["mlctl.dev/deployment": "fraud", "mlctl.dev/revision": "1111111111"])
        let split = Sample.plan([(Sample.one, 2, 95), (Sample.two, 2, 5)], router: .replicaRatio)
        #expect(ReplicaRatioRouter.selector(split) == ["mlctl.dev/deployment": "fraud"])
        let closed = Sample.plan([(Sample.one, 2, 0)], router: .replicaRatio)
        #expect(ReplicaRatioRouter.selector(closed)["mlctl.dev/revision"] == "none")
    }

    @Test("a weight is in force once the planned pods are ready")
    func inForce() {
        let plan = Sample.plan([(Sample.one, 2, 95), (Sample.two, 2, 5)], router: .replicaRatio)
        let routes = Sample.rendering(plan).result().routes
        let there = router.observe(seen(plan, routes, ready: [Sample.one: 2, Sample.two: 1]))
        #expect(there.weights == [Sample.one: 95, Sample.two: 5])
        #expect(there.endpoint == "http://fraud.payments.svc")
        let under = router.observe(seen(plan, routes, ready: [Sample.one: 2, Sample.two: 2]))
        #expect(under.weights == [Sample.one: 50, Sample.two: 50])
    }
}

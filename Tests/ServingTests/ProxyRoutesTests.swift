import Foundation
import ModelManifests
import Serving
import Testing

@Suite("Routes and reports of other versions")
struct ProxyRoutesTests {
    private let route = ProxyRoute(
        deployment: DeploymentKey(name: "m"), port: 9000, requestTimeout: .seconds(7), drainTimeout: .seconds(3),
        streamTimeout: .seconds(90),
        revisions: [
            RevisionRoute(
                revision: Revision(rawValue: "a"), weight: 100, upstreams: [Upstream(instance: "i", port: 1)])
        ], comparison: ShadowComparison(maxBodyBytes: 3), idempotent: true,
        concurrency: ConcurrencyLimit(perInstance: 8, queueDepth: 9, queueTimeout: .seconds(1)))

    /// The value without some of its fields, as an older version wrote it.
    private func older<Value: Codable>(_ value: Value, without fields: Set<String>) throws -> Value {
        func pruned(_ value: Any) -> Any {
            if let object = value as? [String: Any] {
                return object.filter { !fields.contains($0.key) }.mapValues(pruned)
            }
            return (value as? [Any])?.map(pruned) ?? value
        }
        let whole = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(value))
        return try JSONDecoder().decode(Value.self, from: try JSONSerialization.data(withJSONObject: pruned(whole)))
    }

    @Test("a route without a drain time-out uses its request time-out, and reserves no ports")
    func routes() throws {
        let routes = ProxyRoutes(
            generation: 3, routes: [route], reservedPorts: [ReservedPort(port: 8090, use: "the API")])
        #expect(try older(routes, without: []) == routes)
        var expected = routes
        expected.reservedPorts = []
        expected.routes[0].drainTimeout = .seconds(7)
        expected.routes[0].streamTimeout = Drain.defaultStreamTimeout
        expected.routes[0].idempotent = nil
        expected.routes[0].concurrency = nil
        expected.routes[0].comparison = ShadowComparison()
        let fields: Set = [
            "drainTimeout", "streamTimeout", "reservedPorts", "idempotent", "concurrency", "maxBodyBytes",
        ]
        #expect(try older(routes, without: fields) == expected)
    }

    @Test("a proxy that is too old to report shares reports none")
    func reports() throws {
        let instance = InstanceReport(
            deployment: route.deployment, revision: Revision(rawValue: "a"), instance: "i",
            counters: RequestCounters(
                requests: 3, latency: [1], bounds: [1], abandoned: [2], errorsTogether: 1, slowTogether: [1],
                every: TrafficCounters(requests: 5), pairs: PairCounters(pairs: 1, dropped: 3, tooLarge: 2)),
            isListed: true)
        let report = ProxyReport(
            epoch: "e", generation: 3, instances: [instance],
            routes: [
                RouteReport(
                    deployment: route.deployment,
                    shares: [RouteReport.Share(revision: Revision(rawValue: "a"), percent: 100, mirror: 5)],
                    cutRequests: 1, refusedConnections: 2,
                    queues: [QueueReport(revision: Revision(rawValue: "a"), waiting: 1, refused: 2)])
            ], refused: [RouteRefusal(deployment: route.deployment, reasons: ["why"])],
            unavailable: [
                UnavailableReport(deployment: route.deployment, revision: Revision(rawValue: "a"), requests: 4)
            ],
            users: [
                UserReport(
                    deployment: route.deployment, revision: Revision(rawValue: "a"),
                    users: UserCounters(windows: 1, units: 2, failed: 1, touched: 1, slowed: [1], dropped: 1))
            ])
        #expect(try older(report, without: []) == report)
        let counters = ["abandoned", "errorsTogether", "slowTogether", "every", "tooLarge"]
        let old = try older(
            report, without: Set(["routes", "refused", "unavailable", "isListed", "previews", "users"] + counters))
        let known = try #require(old.instances.first?.counters)
        #expect(
            known.abandoned.isEmpty && known.errorsTogether == nil && known.slowTogether == nil && known.every == nil)
        #expect(old.users.isEmpty && known.pairs == PairCounters(pairs: 1, dropped: 3))
        #expect(old.routes == nil && old.refused.isEmpty && old.unavailable.isEmpty)
        #expect(old.instances.map(\.isListed) == [false] && old.instances.map(\.counters.requests) == [3])
    }
}

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
        ])

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

    @Test("a route without a drain has that of its request time-out; nothing is reserved")
    func routes() throws {
        let routes = ProxyRoutes(
            generation: 3, routes: [route], reservedPorts: [ReservedPort(port: 8090, use: "the API")])
        #expect(try older(routes, without: []) == routes)
        var expected = routes
        expected.reservedPorts = []
        expected.routes[0].drainTimeout = .seconds(7)
        expected.routes[0].streamTimeout = Drain.defaultStreamTimeout
        #expect(try older(routes, without: ["drainTimeout", "streamTimeout", "reservedPorts"]) == expected)
    }

    @Test("a proxy that is too old to say what reaches a revision says nothing of it")
    func reports() throws {
        let instance = InstanceReport(
            deployment: route.deployment, revision: Revision(rawValue: "a"), instance: "i",
            counters: RequestCounters(requests: 3), isListed: true)
        let report = ProxyReport(
            epoch: "e", generation: 3, instances: [instance],
            routes: [
                RouteReport(
                    deployment: route.deployment,
                    shares: [RouteReport.Share(revision: Revision(rawValue: "a"), percent: 100, mirror: 5)],
                    cutRequests: 1, refusedConnections: 2)
            ], refused: [RouteRefusal(deployment: route.deployment, reasons: ["why"])],
            unavailable: [
                UnavailableReport(deployment: route.deployment, revision: Revision(rawValue: "a"), requests: 4)
            ])
        #expect(try older(report, without: []) == report)
        let old = try older(report, without: ["routes", "refused", "unavailable", "isListed", "previews"])
        #expect(old.routes == nil && old.refused.isEmpty && old.unavailable.isEmpty)
        #expect(old.instances.map(\.isListed) == [false] && old.instances.map(\.counters.requests) == [3])
    }
}

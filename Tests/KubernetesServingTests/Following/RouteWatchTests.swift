import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import KubernetesServing

/// Runs over the model of the API server.
@Suite("A proxy's watch of its namespace", .timeLimit(.minutes(10)))
struct RouteWatchTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)
    private let revision = Revision(rawValue: "aaaaaaaaaa")

    private func map(port: Int) throws -> Data {
        let route = ProxyRoute(
            deployment: DeploymentKey(namespace: "ml", name: "fraud"), port: port,
            revisions: [RevisionRoute(revision: revision, weight: 100)])
        let text = String(decoding: try JSONEncoder().encode(route), as: UTF8.self)
        return Data(
            CanonicalJSON.text([
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": ["name": "fraud-route", "namespace": "ml", "labels": [ObjectLabels.route: "true"]],
                "data": [ProxyRouter.routeKey: .string(text)],
            ]).utf8)
    }

    private var slice: Data {
        Data(
            CanonicalJSON.text([
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": [
                    "name": "fraud-a", "namespace": "ml",
                    "labels": [ObjectLabels.deployment: "fraud", ObjectLabels.revision: "aaaaaaaaaa"],
                ],
                "addressType": "IPv4", "ports": [["name": "http", "port": 8080]],
                "endpoints": [["addresses": ["10.1.2.3"], "targetRef": ["kind": "Pod", "name": "p1"]]],
            ]).utf8)
    }

    @Test("reports the complete routes first, then each change, and lists each type once")
    func follows() async throws {
        let transport = ModelTransport(APIServerModel(namespaces: ["ml"], now: Self.now)) { Self.now }
        let api = KubernetesAPI(transport: transport)
        let key = NamespacedName(namespace: "ml", name: "fraud-route")
        try await api.apply(.configMaps, key, body: try map(port: 10_001))
        try await api.apply(.endpointSlices, NamespacedName(namespace: "ml", name: "fraud-a"), body: slice)
        await transport.forgetLog()
        let watch = RouteWatch(api, namespace: "ml", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let (routes, continuation) = AsyncStream.makeStream(of: [ProxyRoute].self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run(continuation) }
            var changes = routes.makeAsyncIterator()
            let first = await changes.next()
            #expect(first?.map(\.port) == [10_001])
            #expect(
                first?.first?.revisions.first?.upstreams == [Upstream(instance: "p1", host: "10.1.2.3", port: 8080)])
            try await api.apply(.configMaps, key, body: try map(port: 10_002))
            let second = await changes.next()
            #expect(second?.map(\.port) == [10_002])
            try await api.delete(.configMaps, key)
            let third = await changes.next()
            #expect(third == [])
            group.cancelAll()
        }
        let reads = await transport.log.filter { $0.method == .get }
        // The slices of revisions, and those of the proxies themselves.
        #expect(Set(reads.map(\.path)).count == 2)
        #expect(reads.count == 3, "\(reads.map(\.target))")
    }
}

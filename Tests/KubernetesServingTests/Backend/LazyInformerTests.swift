import KubernetesClient
import Testing

@testable import KubernetesServing

/// `HTTPRoute` stands for all types that must be installed first.
@Suite("Types that only some routers need")
struct LazyInformerTests {
    private func requests(_ cluster: TestCluster) async -> Int {
        await cluster.model?.log.count { $0.path.hasSuffix("/httproutes") } ?? 0
    }

    @Test("a cluster without the definition is asked only once until a deployment needs it")
    func missing() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.withBackend { backend in
                try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100)], key: cluster.key()))
                #expect(await requests(cluster) == 1)
                let needing = Sample.plan([(Sample.one, 1, 100)], router: .gatewayAPI, key: cluster.key("other"))
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(needing) }
                #expect(error?.code == .missingDefinition)
                #expect(await requests(cluster) > 1)
            }
        }
    }

    @Test("a type without objects is watched from the first plan that needs it")
    func unused() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.installGatewayAPI()
            try await cluster.withBackend { backend in
                try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100)], key: cluster.key()))
                #expect(await requests(cluster) == 1)
                let needing = Sample.plan([(Sample.one, 1, 100)], router: .gatewayAPI, key: cluster.key("other"))
                try await cluster.settle(backend, needing)
                let routes = await backend.views[.httpRoutes]?.live(of: cluster.key("other")).count
                #expect(routes == 1)
            }
        }
    }

    @Test(
        "objects of an earlier controller are seen from the start, and deleted if another router splits the traffic"
    )
    func leftBehind() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.installGatewayAPI()
            let key = cluster.key()
            try await cluster.withBackend { backend in
                let plan = Sample.plan([(Sample.one, 1, 100)], router: .gatewayAPI, key: key)
                try await cluster.settle(backend, plan)
            }
            try await cluster.withBackend { backend in
                try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100)], key: key))
                try await cluster.wait(
                    until: { await backend.views[.httpRoutes]?.live(of: key).isEmpty == true }, "the route is gone")
                #expect(cluster.transport.writes.contains { $0.method == .delete && $0.path.contains("/httproutes/") })
            }
        }
    }
}

import KubernetesClient
import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("Who may reach the proxies")
struct ProxyPolicyTests {
    private static let peers: [ProxyControlPeer] = [
        .pods(namespace: "mlctl", labels: ["app.kubernetes.io/name": "mlctl-controller"]),
        .pods(namespace: "monitoring", labels: [:]), .addresses(cidr: "10.0.0.0/8"),
    ]

    @Test("everybody reaches the endpoints; only the listed peers, in any namespace, reach the control port")
    func spec() throws {
        let wanted = try Sample.json(
            #"""
            {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "mlctl-proxy", "app.kubernetes.io/managed-by": "mlctl"}},
             "policyTypes": ["Ingress"],
             "ingress": [
              {"ports": [{"protocol": "TCP", "port": 10000, "endPort": 29999}]},
              {"from": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "mlctl"}},
                 "podSelector": {"matchLabels": {"app.kubernetes.io/name": "mlctl-controller"}}},
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
                {"ipBlock": {"cidr": "10.0.0.0/8"}}],
               "ports": [{"protocol": "TCP", "port": 9901}]}]}
            """#)
        #expect(ProxyPolicyRendering.spec(controlFrom: Self.peers) == wanted)
    }

    @Test("every route's port is one that the policy opens")
    func ports() {
        let names = (0..<500).map { DeploymentKey(namespace: "a", name: "model-\($0)") }
        let chosen = names.compactMap { ProxyRouter.port(for: $0, remembered: nil, taken: []) }
        let closed = chosen.filter { !ProxyRouter.ports.contains($0) || $0 == ProxyRendering.controlPort }
        #expect(chosen.count == 500)
        #expect(closed.isEmpty)
    }

    @Test("it exists while the settings list a peer, is written once, and is deleted when they list none")
    func settings() async throws {
        try await TestCluster.with(.model) { try await Self.story($0) }
    }

    @Test(
        "the same over a real API server", .enabled(if: TestCluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"))
    func real() async throws {
        try await TestCluster.with(.real) { try await Self.story($0) }
    }

    private static func story(_ cluster: TestCluster) async throws {
        let plan = Sample.plan([(Sample.one, 1, 100)], key: cluster.key())
        try await cluster.withBackend { try await cluster.settle($0, plan) }
        #expect(try await cluster.object(.networkPolicies, "mlctl-proxy") == nil)
        var settings = Sample.settings
        settings.proxyControlFrom = peers
        try await cluster.withBackend(settings: settings) { backend in
            try await cluster.settle(backend, plan, writes: 1)
            try await cluster.settle(backend, plan, writes: 0)
        }
        // The next controller finds it as it is.
        try await cluster.withBackend(settings: settings) { try await cluster.settle($0, plan, writes: 0) }
        #expect(try await cluster.object(.networkPolicies, "mlctl-proxy") != nil)
        settings.proxyControlFrom = []
        // A late cache may cause a second deletion.
        try await cluster.withBackend(settings: settings) { _ = try await cluster.settle($0, plan) }
        #expect(try await cluster.object(.networkPolicies, "mlctl-proxy") == nil)
    }
}

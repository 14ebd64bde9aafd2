import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

@testable import KubernetesServing

/// Temporary refusals by a cluster. Version 1 serves; version 2 is refused, reported, and applied once it is allowed.
@Suite("Faults: what the cluster refuses", .serialized, .timeLimit(.minutes(10)))
struct RefusalFaultTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var words: [String]
        var begin: @Sendable (inout APIServerModel) -> Void
    }

    /// The requests that a refusal may cost while it is observed, watches included.
    static let requestLimit = 300

    static let faults: [Fault] = [
        Fault(
            testDescription: "no permission",
            words: ["cannot patch resource", "Give the controller's service account that right"]
        ) {
            $0.refusals.denials = [.init(verbs: ["patch"], type: .deployments)]
        },
        Fault(
            testDescription: "quota exceeded, of Deployments",
            words: ["exceeded quota: small", "Raise the namespace's ResourceQuota"]
        ) {
            $0.refusals.quotas = [.init(name: "small", namespace: "test", type: .deployments, limit: 2)]
        },
        Fault(
            testDescription: "quota exceeded, of pods",
            words: ["no pods can be created", "exceeded quota: small", "Raise the namespace's ResourceQuota"]
        ) {
            $0.refusals.quotas = [.init(name: "small", namespace: "test", type: .pods, limit: 4)]
        },
        Fault(
            testDescription: "a webhook that refuses",
            words: ["denied the request: no owner", "Ask the owner of that webhook"]
        ) {
            $0.refusals.webhooks = [.init(name: "policy.example.com", type: .services, message: "no owner")]
        },
        Fault(
            testDescription: "a webhook that does not answer",
            words: ["failed calling webhook", "Ask the owner of that webhook"]
        ) {
            $0.refusals.webhooks = [.init(name: "policy.example.com", type: .services, message: nil)]
        },
    ]

    @Test(
        "the status says why and what to do, serving continues, and the change is applied by itself later",
        arguments: faults)
    func refused(fault: Fault) async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.transport.update(fault.begin)
            let before = await cluster.transport.requestCount
            await cluster.commit("2")
            let status = try await cluster.waitForWords(fault.words)
            #expect(status.stable?.version == "1")
            #expect(status.stable?.ready == 2)
            #expect(status.endpoint == "http://model.test.svc")
            try await cluster.wait("kubectl shows it too") { _ in
                let text = await cluster.shown()?.status?.message ?? ""
                return fault.words.allSatisfy { text.contains($0) }
            }
            #expect(await cluster.readyPods("1") == 2)
            #expect(await cluster.transport.requestCount - before < Self.requestLimit)
            await cluster.transport.update { $0.refusals = Refusals() }
            try await cluster.waitUntilServing("2")
        }
    }

    @Test("without permission to read nothing is decided, and the missing right is named")
    func noPermissionToRead() async throws {
        let cluster = try await FaultyCluster("1")
        await cluster.transport.update {
            $0.refusals.denials = [.init(verbs: ["list", "watch"], type: .pods)]
        }
        try await cluster.run { cluster in
            try await cluster.waitForWords(["cannot", "pods", "Give the controller's service account that right"])
            #expect(await cluster.transport.model.objects(.deployments).isEmpty)
            await cluster.transport.update { $0.refusals = Refusals() }
            try await cluster.waitUntilServing("1")
        }
    }

    @Test("a namespace that is being deleted is reported, and waited for")
    func namespaceGoing() async throws {
        let cluster = try await FaultyCluster("1")
        let namespace = NamespacedName(name: "test")
        let api = KubernetesAPI(transport: cluster.transport)
        let held: JSONValue = ["metadata": ["finalizers": ["example.com/hold"]]]
        try await api.merge(.namespaces, namespace, body: held.jsonData)
        try await api.delete(.namespaces, namespace)
        try await cluster.run { cluster in
            try await cluster.waitForWords(["being terminated", "wait until it is gone"])
            let free: JSONValue = ["metadata": ["finalizers": []]]
            try await api.merge(.namespaces, namespace, body: free.jsonData)
            try await cluster.waitForWords(["Create the namespace"])
            let anew: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "test"]]
            try await api.create(.namespaces, namespace: nil, body: anew.jsonData)
            try await cluster.waitUntilServing("1")
        }
    }

    @Test("a missing definition is reported with how to install it, and used once it is there")
    func missingDefinition() async throws {
        let cluster = try await FaultyCluster("1", installsDefinition: false)
        try await cluster.run { cluster in
            try await cluster.waitForWords([
                "ModelDeployments", "its kind is not installed",
                "mlctl schema --crd | kubectl apply --server-side -f -",
            ])
            try await FaultyCluster.installDefinition(cluster.transport)
            try await cluster.waitUntilServing("1")
        }
    }

    @Test("an expired token differs from an unreachable server, and a new token solves it")
    func expiredToken() async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            let next = await cluster.transport.requestCount
            let refused = Dictionary(
                uniqueKeysWithValues: (next...next + 100_000).map { ($0, FaultPlan.Fault.unauthorized) })
            await cluster.transport.setPlan(FaultPlan(requests: refused))
            await cluster.transport.endWatches()
            let status = try await cluster.waitForWords(["credentials are not accepted", "log in again"])
            #expect(status.stable?.ready == 2)
            await cluster.transport.setPlan(FaultPlan())
            await cluster.commit("2")
            try await cluster.waitUntilServing("2")
        }
    }
}

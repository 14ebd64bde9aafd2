import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

/// Runs the same stories over the model of the API server and, if `MLCTL_TEST_KUBECONFIG` names one, over a real one.
@Suite("The backend over a cluster")
struct ClusterBackendTests {
    private static let stories: [ClusterStory] = [
        .init("writes", Story.writes), .init("drift", Story.drift), .init("removal", Story.removal),
        .init("foreign", Story.foreign),
        .init("rendering", Story.olderRendering),
    ]

    @Test("over the model of the API server", arguments: stories)
    func model(story: ClusterStory) async throws { try await TestCluster.with(.model, story.tell) }

    @Test(
        "over a real API server", .enabled(if: TestCluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"),
        arguments: stories)
    func real(story: ClusterStory) async throws { try await TestCluster.with(.real, story.tell) }

    @Test("ready pods, weights and proxies are observed")
    func observed() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.withBackend { backend in
                let key = cluster.key()
                let plan = Sample.plan([(Sample.one, 2, 100)], key: key)
                try await cluster.settle(backend, plan)
                try await cluster.readyPods()
                try await cluster.wait(
                    until: {
                        let observed = try await backend.observe(key)
                        return observed.ready(Sample.one) == 2 && observed.weights == [Sample.one: 100]
                    }, "two pods are ready and get all traffic")
                let observed = try await backend.observe(key)
                #expect(observed.plan == plan)
                #expect(observed.endpoint == "http://fraud.\(cluster.namespace).svc")
                #expect(await backend.proxies(in: key.namespace).count == 2)
                #expect(try await backend.deployments() == [key])
            }
        }
    }

    @Test("a question for the deployments waits while they are being read, and gets a complete answer")
    func firstRead() async throws {
        try await TestCluster.with(.model) { cluster in
            let plan = Sample.plan([(Sample.one, 1, 100)], key: cluster.key())
            try await cluster.withBackend { try await cluster.settle($0, plan) }
            let next = ClusterBackend(api: cluster.api, owners: NoOwners(), settings: Sample.settings)
            async let asked = next.deployments()
            let run = Task { await next.run() }
            defer { run.cancel() }
            #expect(try await asked == [plan.deployment])
        }
    }

    @Test(
        "after an interruption at any write, whether it took effect or not, the next controller reaches the same end",
        arguments: 0..<8, [false, true])
    func interrupted(after: Int, lastTakesEffect: Bool) async throws {
        try await TestCluster.with(.model) { cluster in
            let key = cluster.key()
            let first = Sample.plan([(Sample.one, 2, 100)], key: key)
            let second = Sample.plan([(Sample.two, 2, 100)], key: key)
            try await cluster.withBackend { try await cluster.settle($0, first) }
            cluster.transport.set(.init(after: after, lastTakesEffect: lastTakesEffect))
            // If the plan takes fewer writes than that, nothing is interrupted.
            try? await cluster.withBackend { try await $0.apply(second) }
            cluster.transport.set(nil)
            try await cluster.withBackend { backend in
                try await cluster.settle(backend, second)
                try await cluster.wait(
                    until: {
                        let live = await backend.views.live(of: key)
                        return live.allSatisfy { !$0.isBeingDeleted && $0.id.key.name != "fraud-1111111111" }
                    }, "the old revision is gone")
                let names = await backend.views.live(of: key).map { "\($0.id.type.kind) \($0.id.key.name)" }
                #expect(
                    names.sorted() == [
                        "ConfigMap fraud-route", "Deployment fraud-2222222222", "PodDisruptionBudget fraud-2222222222",
                        "Service fraud", "Service fraud-2222222222",
                    ])
                try await cluster.settle(backend, second, writes: 0)
            }
        }
    }

    @Test("traffic moves to the new revision before the old one's pods go")
    func order() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.withBackend { backend in
                let key = cluster.key()
                try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100), (Sample.two, 1, 0)], key: key))
                let before = cluster.transport.writes.count
                try await backend.apply(Sample.plan([(Sample.two, 1, 100)], key: key))
                let done = cluster.transport.writes.dropFirst(before).map { write in
                    "\(write.method.rawValue) \(write.path.split(separator: "/").suffix(2).joined(separator: "/"))"
                }
                #expect(
                    done == [
                        "PATCH configmaps/fraud-route", "DELETE deployments/fraud-1111111111",
                        "DELETE services/fraud-1111111111",
                    ])
            }
        }
    }

    @Test("with Gateway API, the route follows the revisions that can answer")
    func gateway() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.installGatewayAPI()
            try await cluster.withBackend { backend in
                let key = cluster.key()
                let plan = Sample.plan([(Sample.one, 1, 90), (Sample.two, 1, 10)], router: .gatewayAPI, key: key)
                try await cluster.settle(backend, plan)
                try await cluster.readyPods()
                try await cluster.wait(
                    until: { try await backend.observe(key).instances.count { $0.condition == .ready } == 2 },
                    "both are ready")
                try await cluster.settle(backend, plan)
                #expect(try await backend.observe(key).endpointProblem?.contains("no gateway has accepted") == true)
                try await cluster.acceptRoute()
                try await cluster.wait(until: { try await backend.observe(key).endpoint != nil }, "it is taken")
                let observed = try await backend.observe(key)
                #expect(observed.weights == [Sample.one: 90, Sample.two: 10])
                #expect(observed.endpoint == "http://fraud.example")
                let pod = try #require(observed.instances.first { $0.revision == Sample.two })
                try await cluster.editStatus(
                    .pods, pod.id, ["status": ["conditions": [["type": "Ready", "status": "False"]]]])
                try await cluster.wait(
                    until: { try await backend.observe(key).ready(Sample.two) == 0 }, "one is not ready")
                try await cluster.settle(backend, plan, writes: 1)
                // Until the gateway has seen the change, the shares are not known.
                #expect(try await backend.observe(key).weights == nil)
                try await cluster.acceptRoute()
                try await cluster.wait(
                    until: { try await backend.observe(key).weights == [Sample.one: 100, Sample.two: 0] },
                    "the gateway has seen it")
                try await backend.apply(ServingPlan(deployment: key, target: plan.target))
                try await cluster.wait(
                    until: { await backend.views.live(of: key).isEmpty }, "all is gone")
            }
        }
    }

    @Test("a missing definition is reported with what to do, and nothing is written")
    func missingDefinition() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.withBackend { backend in
                let plan = Sample.plan([(Sample.one, 1, 100)], router: .gatewayAPI, key: cluster.key())
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(plan) }
                #expect(error?.code == .missingDefinition)
                #expect(error?.retryClass == .waiting)
                #expect(cluster.transport.writes.isEmpty)
            }
        }
    }

    @Test("while the API server is unreachable, the last observation is reported with the reason")
    func away() async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.withBackend { backend in
                let plan = Sample.plan([(Sample.one, 1, 100)], key: cluster.key())
                try await cluster.settle(backend, plan)
                await cluster.model?.setAway(true)
                try await cluster.wait(
                    until: {
                        try await !backend.observe(cluster.key()).problems.filter { $0.contains("cannot be watched") }
                            .isEmpty
                    },
                    "the problem is reported")
                let changed = Sample.plan([(Sample.one, 3, 100)], key: cluster.key())
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(changed) }
                #expect(error?.retryClass == .transient)
                await cluster.model?.setAway(false)
                try await cluster.wait(
                    until: {
                        try await backend.observe(cluster.key()).problems.allSatisfy {
                            !$0.contains("cannot be watched")
                        }
                    },
                    "it is back")
                try await cluster.settle(backend, changed, writes: 3)
            }
        }
    }
}

/// Steps of a backend against any cluster.
enum Story {
    /// Without a change there is no write. A weight takes one write. Another controller finds everything as it is.
    @Sendable static func writes(_ cluster: TestCluster) async throws {
        let key = cluster.key()
        let plan = Sample.plan([(Sample.one, 2, 100), (Sample.two, 1, 0)], key: key)
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan, writes: 14)
            try await cluster.settle(backend, plan, writes: 0)
            let weighted = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)], key: key)
            try await cluster.settle(backend, weighted, writes: 1)
        }
        try await cluster.withBackend { backend in
            let weighted = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)], key: key)
            let observed = try await backend.observe(key)
            #expect(observed.plan == weighted)
            let before = cluster.transport.writes.count
            try await backend.apply(weighted)
            #expect(cluster.transport.writes.dropFirst(before).map(\.path) == [])
        }
    }

    /// An edit or deletion by hand is reverted by one write each, and reported as a change.
    @Sendable static func drift(_ cluster: TestCluster) async throws {
        let key = cluster.key()
        let plan = Sample.plan([(Sample.one, 2, 100)], key: key)
        let name = "fraud-1111111111"
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            let edits: [(ResourceType, String, JSONValue)] = [
                (.deployments, name, ["spec": ["replicas": 5]]),
                (.services, "fraud", ["metadata": ["labels": ["app.kubernetes.io/name": "mine"]]]),
                (.configMaps, "fraud-route", ["data": ["route.json": "{}"]]),
                (.deployments, "mlctl-proxy", ["spec": ["template": ["spec": ["terminationGracePeriodSeconds": 99]]]]),
            ]
            for (type, object, patch) in edits {
                let id = ObjectID(type: type, key: NamespacedName(namespace: cluster.namespace, name: object))
                let before = await backend.views.live(id)?.writers.own
                let wanted = try await cluster.object(type, object)
                try await cluster.edit(type, object, patch)
                try await cluster.wait(
                    until: { await backend.views.live(id)?.writers.own != before }, "\(id): the edit is seen")
                try await cluster.settle(backend, plan, writes: 1, "\(id)")
                let now = try await cluster.object(type, object)
                #expect(now?["spec"]?["replicas"] == wanted?["spec"]?["replicas"])
                #expect(now?["data"] == wanted?["data"])
                #expect(now?["metadata"]?["labels"] == wanted?["metadata"]?["labels"])
                #expect(now?["spec"]?["template"] == wanted?["spec"]?["template"])
            }
            let id = ObjectID(type: .services, key: NamespacedName(namespace: cluster.namespace, name: name))
            try await KubernetesAPI(transport: cluster.transport.uncounted).delete(.services, id.key)
            try await cluster.wait(until: { await backend.views.live(id) == nil }, "the deletion is seen")
            try await cluster.settle(backend, plan, writes: 1)
            #expect(try await cluster.object(.services, name) != nil)
            // Annotations of others are left alone.
            try await cluster.edit(.services, "fraud", ["metadata": ["annotations": ["their": "own"]]])
            try await cluster.wait(
                until: {
                    await backend.views.live(
                        ObjectID(type: .services, key: NamespacedName(namespace: cluster.namespace, name: "fraud")))?
                        .writers.others.contains("kubectl-edit") == true
                }, "the annotation is seen")
            try await cluster.settle(backend, plan, writes: 0)
        }
    }

    /// Objects that leave the plan are deleted; the proxy goes with the last route; others' objects stay.
    @Sendable static func removal(_ cluster: TestCluster) async throws {
        let key = cluster.key()
        let other: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "theirs"], "data": ["a": "b"],
        ]
        try await KubernetesAPI(transport: cluster.transport.uncounted).create(
            .configMaps, namespace: cluster.namespace, body: other.jsonData)
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100), (Sample.two, 1, 0)], key: key))
            try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100)], key: cluster.key("second")))
            try await cluster.settle(backend, Sample.plan([(Sample.two, 1, 100)], key: key))
            try await cluster.wait(
                until: { try await cluster.object(.deployments, "fraud-1111111111") == nil }, "the old one is gone")
            #expect(try await cluster.object(.services, "fraud-1111111111") == nil)
            #expect(try await cluster.object(.services, "fraud-2222222222") != nil)
            for name in ["fraud", "second"] {
                #expect(try await cluster.object(.deployments, "mlctl-proxy") != nil)
                try await backend.apply(ServingPlan(deployment: cluster.key(name)))
                try await cluster.wait(
                    until: {
                        try await backend.apply(ServingPlan(deployment: cluster.key(name)))
                        return await backend.views.live(of: cluster.key(name)).isEmpty
                    }, "\(name) is gone")
            }
            try await cluster.wait(
                until: {
                    try await backend.apply(ServingPlan(deployment: key))
                    return try await cluster.object(.deployments, "mlctl-proxy") == nil
                }, "the proxy is gone")
            #expect(try await cluster.object(.roleBindings, "mlctl-proxy") == nil)
            #expect(try await cluster.object(.configMaps, "theirs")?["data"] == ["a": "b"])
            #expect(try await backend.deployments().filter { $0.namespace == cluster.namespace }.isEmpty)
        }
    }

    /// An object of the same name that belongs to others is left alone and reported.
    @Sendable static func foreign(_ cluster: TestCluster) async throws {
        let others: [(ResourceType, JSONValue)] = [
            (
                .services,
                [
                    "apiVersion": "v1", "kind": "Service", "metadata": ["name": "fraud-1111111111"],
                    "spec": ["selector": ["app": "theirs"], "ports": [["port": 81]]],
                ]
            ),
            (
                .configMaps,
                [
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "second-route"],
                    "data": ["their": "own"],
                ]
            ),
        ]
        for (type, body) in others {
            let request = APIRequest.create(
                type, namespace: cluster.namespace, body: body.jsonData, fieldManager: "kubectl-create")
            _ = try await KubernetesAPI(transport: cluster.transport.uncounted).answer(to: request)
        }
        try await cluster.withBackend { backend in
            for (name, object, type) in [
                ("fraud", "fraud-1111111111", ResourceType.services), ("second", "second-route", .configMaps),
            ] {
                let plan = Sample.plan([(Sample.one, 1, 100)], key: cluster.key(name))
                let before = try await cluster.object(type, object)
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(plan) }
                #expect(error?.code == .foreignObject, "\(String(describing: error))")
                #expect(error?.message.contains(object) == true)
                let after = try await cluster.object(type, object)
                #expect(after == before)
            }
        }
    }

    /// A newer version that renders pods differently does not roll the pods that serve.
    @Sendable static func olderRendering(_ cluster: TestCluster) async throws {
        let key = cluster.key()
        let plan = Sample.plan([(Sample.one, 1, 100)], key: key)
        try await cluster.withBackend { backend in try await cluster.settle(backend, plan) }
        let before = try await cluster.object(.deployments, "fraud-1111111111")
        let newer = ClusterBackend(
            api: cluster.api, owners: NoOwners(), settings: ClusterServingSettings(image: "mlctl:2"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await newer.run() }
            try await newer.waitUntilSynced(timeout: TestCluster.patience)
            try await cluster.settle(newer, Sample.plan([(Sample.one, 3, 100)], key: key))
            let after = try await cluster.object(.deployments, "fraud-1111111111")
            let proxy = try await cluster.object(.deployments, "mlctl-proxy")
            #expect(after?["spec"]?["replicas"] == 3)
            #expect(after?["spec"]?["template"] == before?["spec"]?["template"])
            #expect(proxy?["spec"]?["template"]?["spec"]?["containers"]?[0]?["image"] == "mlctl:2")
            group.cancelAll()
        }
    }
}

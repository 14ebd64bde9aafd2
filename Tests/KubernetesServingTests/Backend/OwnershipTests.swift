import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("Owners of objects, and the effects of a refusal")
struct OwnershipTests {
    @Test(
        "a deployment with the name of the proxies is refused before anything of it is created",
        arguments: [
            KubernetesTarget.Router.proxy, .replicaRatio,
        ])
    func reserved(router: KubernetesTarget.Router) async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.withBackend { backend in
                try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100)], key: cluster.key()))
                let before = try await cluster.object(.services, "mlctl-proxy")
                let writes = cluster.transport.writes.count
                let plan = Sample.plan([(Sample.one, 1, 100)], router: router, key: cluster.key("mlctl-proxy"))
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(plan) }
                #expect(error?.code == .foreignObject)
                #expect(error?.message.contains("reserved for mlctl") == true)
                #expect(cluster.transport.writes.count == writes)
                #expect(try await cluster.object(.services, "mlctl-proxy") == before)
            }
        }
    }

    @Test(
        "if objects of two deployments have the same name, the second deployment is refused and takes nothing",
        arguments: [
            true, false,
        ])
    func collision(isSeen: Bool) async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.withBackend { backend in
                let first = Sample.plan([(Sample.one, 1, 100)], key: cluster.key())
                // Its own Service has the name of the first deployment's revision.
                let second = Sample.plan([(Sample.two, 1, 100)], key: cluster.key("fraud-1111111111"))
                if isSeen {
                    try await cluster.settle(backend, first)
                } else {
                    // The caches show nothing yet.
                    try await backend.apply(first)
                }
                let before = try await cluster.object(.services, "fraud-1111111111")
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(second) }
                #expect(error?.code == .foreignObject)
                #expect(error?.message.contains("\(cluster.namespace)/fraud") == true, "\(String(describing: error))")
                #expect(try await cluster.object(.services, "fraud-1111111111") == before)
                #expect(try await cluster.object(.deployments, "fraud-1111111111-2222222222") == nil)
                try await cluster.settle(backend, first)
            }
        }
    }

    @Test("objects lose the owner that an older version gave them, so that they outlive its deletion")
    func formerOwner() async throws { try await TestCluster.with(.model, Self.formerOwner) }

    @Test("the same over a real API server", .enabled(if: TestCluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"))
    func formerOwnerForReal() async throws { try await TestCluster.with(.real, Self.formerOwner) }

    @Sendable private static func formerOwner(_ cluster: TestCluster) async throws {
        let plan = Sample.plan([(Sample.one, 1, 100)], key: cluster.key())
        let owner: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "owner"]]
        try await cluster.api.create(.configMaps, namespace: cluster.namespace, body: owner.jsonData)
        let uid = try #require(try await cluster.object(.configMaps, "owner")?["metadata"]?["uid"])
        var rendering = Sample.rendering(plan)
        rendering.plan = plan
        for object in rendering.result().workloads {
            let body = object.stamped.setting(
                ["metadata", "ownerReferences"],
                to: [
                    [
                        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "controller": true,
                        "blockOwnerDeletion": true,
                    ]
                ])
            _ = try await cluster.api.apply(object.type, object.key, body: body.jsonData)
        }
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            let made = try #require(try await cluster.object(.deployments, "fraud-1111111111"))
            #expect(made["metadata"]?["ownerReferences"] == nil)
            try await cluster.api.delete(
                .configMaps, NamespacedName(namespace: cluster.namespace, name: "owner"), propagation: .foreground)
            try await cluster.wait(
                until: {
                    await cluster.model?.step()
                    return try await cluster.object(.configMaps, "owner") == nil
                }, "the owner is gone")
            #expect(
                try await cluster.object(.deployments, "fraud-1111111111")?["metadata"]?["uid"]
                    == made["metadata"]?["uid"])
        }
    }

    @Test("a refused write delays no route: traffic leaves the bad revision, and no pod that answers is removed")
    func refusal() async throws {
        try await TestCluster.with(.model) { cluster in
            let model = try #require(cluster.model)
            try await cluster.withBackend { backend in
                let key = cluster.key()
                try await cluster.settle(
                    backend, Sample.plan([(Sample.one, 1, 50), (Sample.two, 1, 50)], key: key))
                await model.update {
                    $0.refusals.webhooks = [.init(name: "no.example", type: .deployments, message: "not today")]
                }
                let back = Sample.plan([(Sample.one, 2, 100), (Sample.two, 0, 0)], key: key)
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(back) }
                #expect(error?.message.contains("not today") == true)
                let route = ProxyRouter.route(in: try await cluster.object(.configMaps, "fraud-route"))
                #expect(route?.revisions.map(\.weight) == [100, 0])
            }
        }
    }

    @Test("while the route cannot be written, the pods that answer its traffic stay")
    func routeRefused() async throws {
        try await TestCluster.with(.model) { cluster in
            let model = try #require(cluster.model)
            try await cluster.withBackend { backend in
                let key = cluster.key()
                try await cluster.settle(
                    backend, Sample.plan([(Sample.one, 1, 50), (Sample.two, 1, 50)], key: key))
                await model.update {
                    $0.refusals.webhooks = [.init(name: "no.example", type: .configMaps, message: "not today")]
                }
                let after = Sample.plan([(Sample.two, 1, 100)], key: key)
                await #expect(throws: ClusterServingError.self) { try await backend.apply(after) }
                #expect(try await cluster.object(.deployments, "fraud-1111111111") != nil)
                #expect(try await cluster.object(.services, "fraud-1111111111") != nil)
            }
        }
    }

    @Test(
        "pods and Services stay as they are when somebody deletes the ModelDeployment",
        arguments: [APIRequest.DeletionPropagation.foreground, .background, .orphan])
    func deletion(propagation: APIRequest.DeletionPropagation) async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            @Sendable func uids() async -> Set<String> {
                var uids: Set<String> = []
                for type in [ResourceType.deployments, .services, .configMaps, .pods] {
                    for object in await cluster.transport.model.objects(type) {
                        let labels = object["metadata"]?["labels"]
                        guard labels?[ObjectLabels.deployment] != nil || labels?[ObjectLabels.component] == "proxy",
                            labels?[ObjectLabels.component] != "record",
                            case .string(let uid)? = object["metadata"]?["uid"]
                        else { continue }
                        uids.insert(uid)
                    }
                }
                return uids
            }
            let before = await uids()
            @Sendable func uid() async -> JSONValue? {
                await cluster.transport.model.object(.modelDeployments, FaultyCluster.key.objectKey)?["metadata"]?[
                    "uid"]
            }
            let old = await uid()
            try await KubernetesAPI(transport: cluster.transport).delete(
                .modelDeployments, FaultyCluster.key.objectKey, propagation: propagation)
            try await cluster.wait("it is created again") { _ in
                let now = await uid()
                return now != nil && now != old
            }
            try await cluster.waitUntilServing("1")
            #expect(await uids() == before)
        }
    }
}

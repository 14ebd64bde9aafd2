import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Synchronization
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("Uninstalling from a cluster")
struct ClusterUninstallTests {
    private static let stories: [ClusterStory] = [
        .init("everything", UninstallStory.everything), .init("keep serving", UninstallStory.keepServing),
        .init("one namespace", UninstallStory.oneNamespace), .init("a controller runs", UninstallStory.controller),
    ]

    @Test("over the model of the API server", arguments: stories)
    func model(story: ClusterStory) async throws {
        try await TestCluster.with(.model) { cluster in
            let model = try #require(cluster.model)
            try await FaultyCluster.installDefinition(model)
            // The garbage collector takes its steps meanwhile.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !Task.isCancelled {
                        await model.step()
                        try? await Task.sleep(for: .milliseconds(10))
                    }
                }
                try await story.tell(cluster)
                group.cancelAll()
            }
        }
    }

    @Test(
        "over a real API server", .enabled(if: TestCluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"),
        arguments: stories)
    func real(story: ClusterStory) async throws {
        try await TestCluster.with(.real) { cluster in
            // Other suites may have installed it: it stays.
            _ = try? await cluster.api.create(
                .customResourceDefinitions, namespace: nil, body: CustomResourceDefinition.modelDeployment.jsonData)
            try await cluster.wait(
                until: {
                    let answer = try await cluster.transport.uncounted.send(
                        .list(.modelDeployments, .init(namespace: cluster.namespace), limit: 1),
                        timeout: TestCluster.patience)
                    return answer.code == 200
                }, "ModelDeployments are known")
            try await story.tell(cluster)
        }
    }

    @Test("ModelDeployments are deleted first, then routes, then pods, then the proxies; others' objects never")
    func order() {
        func object(_ type: ResourceType, _ name: String, _ labels: [String: String]) -> InstalledObject {
            InstalledObject(
                id: ObjectID(type: type, key: NamespacedName(namespace: "a", name: name)), uid: name, finalizers: [],
                labels: labels)
        }
        let own = ObjectLabels.of(Sample.key)
        let record = own.merging([ObjectLabels.component: "record"]) { $1 }
        let check = own.merging([ObjectLabels.component: "check"]) { $1 }
        let found = [
            object(.deployments, "mlctl-proxy", ObjectLabels.ofProxy),
            object(.deployments, "f-1", ObjectLabels.of(Sample.key, revision: Sample.one)),
            object(.configMaps, "f-route", own), object(.configMaps, "f-record", record),
            object(.jobs, "f-check", check), object(.modelDeployments, "f", [:]),
            object(.services, "theirs", [ObjectLabels.managedBy: "mlctl"]),
            object(.services, "others", [ObjectLabels.deployment: "f"]),
        ]
        let steps = UninstallSteps(found, keepsServing: false)
        #expect(steps.deployments.map(\.id.key.name) == ["f"])
        #expect(steps.deletions.map(\.id.key.name) == ["f-record", "f-route", "f-check", "f-1", "mlctl-proxy"])
        #expect(UninstallSteps(found, keepsServing: true).deletions.map(\.id.key.name) == ["f-record", "f-check"])
        #expect(steps.lines.contains("a: ModelDeployment f"))
    }
}

private enum UninstallStory {
    static let types: [ResourceType] = [
        .deployments, .services, .configMaps, .secrets, .podDisruptionBudgets, .serviceAccounts, .roles, .roleBindings,
    ]

    /// Something serves, its ModelDeployment has mlctl's finalizer, and no controller runs.
    static func install(_ cluster: TestCluster) async throws {
        try await cluster.withBackend {
            try await cluster.settle($0, Sample.plan([(Sample.one, 2, 100)], key: cluster.key()))
        }
        let deployment: JSONValue = [
            "apiVersion": .string(ResourceType.modelDeployments.apiVersion), "kind": "ModelDeployment",
            "metadata": ["name": "fraud", "finalizers": [.string(RegisterMetadata.finalizer)]],
            "spec": ["model": ["version": "1"], "runtime": ["image": "a:1"], "target": ["kind": "kubernetes"]],
        ]
        try await cluster.api.create(.modelDeployments, namespace: cluster.namespace, body: deployment.jsonData)
        let lease: JSONValue = [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": ["name": "mlctl"],
            "spec": ["holderIdentity": "gone"],
        ]
        try await cluster.api.create(.leases, namespace: cluster.namespace, body: lease.jsonData)
        let theirs: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "theirs"], "data": ["a": "b"],
        ]
        try await cluster.api.create(.configMaps, namespace: cluster.namespace, body: theirs.jsonData)
    }

    /// The names of mlctl's existing objects.
    static func left(_ cluster: TestCluster) async throws -> [String] {
        var names: [String] = []
        for (type, name) in [
            (ResourceType.deployments, "fraud-1111111111"), (.deployments, "mlctl-proxy"), (.services, "fraud"),
            (.services, "fraud-1111111111"), (.services, "mlctl-proxy"), (.configMaps, "fraud-route"),
            (.secrets, "mlctl-proxy-key"), (.podDisruptionBudgets, "fraud-1111111111"),
            (.podDisruptionBudgets, "mlctl-proxy"), (.serviceAccounts, "mlctl-proxy"), (.roles, "mlctl-proxy"),
            (.roleBindings, "mlctl-proxy"), (.modelDeployments, "fraud"), (.leases, "mlctl"),
        ] where try await cluster.object(type, name) != nil {
            names.append("\(type.kind) \(name)")
        }
        return names
    }

    static func uninstall(
        _ cluster: TestCluster, _ change: (inout ClusterUninstall.Options) -> Void = { _ in }
    ) async throws -> [String] {
        // Controllers are searched in all namespaces, and other tests have theirs.
        var options = ClusterUninstall.Options(
            namespace: cluster.namespace, controller: NamespacedName(namespace: cluster.namespace, name: "controller"))
        change(&options)
        let uninstall = ClusterUninstall(cluster.api, options) { _ in }
        return try await uninstall.run(uninstall.steps())
    }

    @Sendable static func everything(_ cluster: TestCluster) async throws {
        try await install(cluster)
        #expect(try await left(cluster).count == 14)
        #expect(try await uninstall(cluster) == [])
        #expect(try await left(cluster) == [])
        #expect(try await cluster.object(.configMaps, "theirs")?["data"] == ["a": "b"])
        // A second run has nothing to do.
        let again = ClusterUninstall(cluster.api, .init(namespace: cluster.namespace)) { _ in }
        #expect(try await again.steps().isEmpty)
        #expect(try await uninstall(cluster) == [])
    }

    @Sendable static func keepServing(_ cluster: TestCluster) async throws {
        try await install(cluster)
        let before = try await cluster.object(.deployments, "fraud-1111111111")?["metadata"]?["uid"]
        #expect(try await uninstall(cluster) { $0.keepsServing = true } == [])
        #expect(try await left(cluster).count == 12)
        #expect(try await cluster.object(.modelDeployments, "fraud") == nil)
        #expect(try await cluster.object(.leases, "mlctl") == nil)
        #expect(try await cluster.object(.deployments, "fraud-1111111111")?["metadata"]?["uid"] == before)
        // A later run finds it as it was.
        try await cluster.withBackend {
            try await cluster.settle($0, Sample.plan([(Sample.one, 2, 100)], key: cluster.key()), writes: 0)
        }
    }

    @Sendable static func oneNamespace(_ cluster: TestCluster) async throws {
        try await install(cluster)
        #expect(try await uninstall(cluster) { $0.namespace = "kube-public" } == [])
        #expect(try await left(cluster).count == 14)
        // Otherwise the finalizer would block the namespace's deletion for ever.
        #expect(try await uninstall(cluster) == [])
    }

    /// A controller would create everything again: it is stopped, or nothing is done.
    @Sendable static func controller(_ cluster: TestCluster) async throws {
        try await install(cluster)
        let labels: JSONValue = ["app.kubernetes.io/name": "mlctl-controller"]
        let controller: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "controller", "labels": labels],
            "spec": [
                "replicas": 1, "selector": ["matchLabels": labels],
                "template": [
                    "metadata": ["labels": labels], "spec": ["containers": [["name": "c", "image": "mlctl:1"]]],
                ],
            ],
        ]
        try await cluster.api.create(.deployments, namespace: cluster.namespace, body: controller.jsonData)
        let error = await #expect(throws: ClusterServingError.self) {
            // Found by its label.
            _ = try await uninstall(cluster) { $0.controller = nil }
        }
        #expect(error?.message.contains("--stop-controller") == true)
        #expect(try await left(cluster).count == 14)
        let problems = try await uninstall(cluster) { $0.stopsController = true }
        #expect(problems == [])
        #expect(try await cluster.object(.deployments, "controller")?["spec"]?["replicas"] == 0)
        #expect(try await left(cluster) == [])
    }
}

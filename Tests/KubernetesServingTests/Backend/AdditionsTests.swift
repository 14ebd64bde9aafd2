import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("What others add to an object")
struct AdditionsTests {
    private let object = try? Sample.json(
        #"""
        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","managedFields":[
          {"manager":"mlctl","operation":"Apply","fieldsV1":{"f:spec":{"f:template":{
             "f:metadata":{"f:labels":{"f:a":{}}},
             "f:spec":{"f:containers":{"k:{\"name\":\"model\"}":{".":{},"f:name":{},"f:image":{},
               "f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}}}}}}}}}},
          {"manager":"kubectl-edit","operation":"Update","fieldsV1":{"f:spec":{"f:paused":{},"f:replicas":{},"f:template":{
             "f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/restartedAt":{},"f:their/own":{}}},
             "f:spec":{"f:containers":{"k:{\"name\":\"model\"}":{"f:image":{},
                 "f:env":{"k:{\"name\":\"B\"}":{".":{},"f:name":{},"f:value":{}}}},
               "k:{\"name\":\"side\"}":{".":{},"f:name":{},"f:image":{}}}}}}}},
          {"manager":"kube-controller-manager","operation":"Update","subresource":"status",
           "fieldsV1":{"f:status":{"f:replicas":{}}}}]},
         "spec":{"paused":true,"replicas":3,"progressDeadlineSeconds":600,"template":{
          "metadata":{"labels":{"a":"b"},
            "annotations":{"kubectl.kubernetes.io/restartedAt":"now","their/own":"x"}},
          "spec":{"restartPolicy":"Always","containers":[
            {"name":"model","image":"m:1","imagePullPolicy":"Always",
             "env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]},
            {"name":"side","image":"s:1"}]}}}}
        """#)

    private func places(_ ignored: [String] = []) throws -> [String] {
        try Additions(in: #require(object), ignoring: ignored.map { try #require(ObjectFieldPath($0)) }).found
            .map { "\($0.place)" }
    }

    @Test("is what others own and mlctl does not, without defaults, replicas and restart orders")
    func found() throws {
        #expect(
            try places() == [
                "spec.paused",
                #"spec.template.metadata.annotations["their/own"]"#.replacing("[\"", with: ".")
                    .replacing("\"]", with: ""),
                "spec.template.spec.containers[name=model].env[name=B]", "spec.template.spec.containers[name=side]",
            ])
    }

    @Test(
        "is left alone if a path names it, or something above it",
        arguments: [
            ("spec.template.spec.containers[*].env", 3), ("spec.template.spec.containers[name=side]", 3),
            ("spec.template.spec.containers[name=other]", 4), ("spec.template.spec", 2), ("spec", 0),
            ("spec.paused", 3), ("spec.template.metadata.annotations", 3),
        ])
    func ignored(path: String, left: Int) throws { #expect(try places([path]).count == left) }

    @Test("is removed, and nothing else")
    func removed() throws {
        let object = try #require(object)
        let cleaned = try Additions(in: object, ignoring: []).removed(from: object)
        let expected = try Sample.json(
            #"""
            {"replicas":3,"progressDeadlineSeconds":600,"template":{
              "metadata":{"labels":{"a":"b"},"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}},
              "spec":{"restartPolicy":"Always","containers":[
                {"name":"model","image":"m:1","imagePullPolicy":"Always","env":[{"name":"A","value":"1"}]}]}}}
            """#)
        #expect(cleaned["spec"] == expected)
        #expect(cleaned["metadata"] == object["metadata"])
    }

    @Test("is reported with its writer")
    func described() throws {
        let found = try Additions(in: #require(object), ignoring: [])
        #expect(found.description.hasPrefix("spec.paused (by kubectl-edit), "))
        #expect(found.managers == ["kubectl-edit"])
    }

    @Test("the part of an object that mlctl applied can be extracted")
    func extracted() throws {
        let object = try #require(object)
        let managed = try JSONDecoder().decode(
            [ManagedFields].self, from: #require(object["metadata"]?["managedFields"]).jsonData)
        let own = try #require(managed.first?.fieldsV1)
        let expected = try Sample.json(
            #"""
            {"spec":{"template":{"metadata":{"labels":{"a":"b"}},
              "spec":{"containers":[{"name":"model","image":"m:1","env":[{"name":"A","value":"1"}]}]}}}}
            """#)
        #expect(own.extracted(from: object) == expected)
        let writers = ObjectWriters(managed)
        #expect(writers.added != nil)
        #expect(writers.scaler == "kubectl-edit")
        #expect(!writers.ownsReplicas)
        #expect(ObjectWriters([managed[0], managed[2]]).added == nil)
    }
}

/// Runs over the model of the API server and, if `MLCTL_TEST_KUBECONFIG` names one, over a real one.
@Suite("Objects that others add to, or scale")
struct DriftTests {
    private static let stories: [ClusterStory] = [
        .init("undo", DriftStory.undone), .init("report", DriftStory.reported), .init("ignore", DriftStory.ignored),
        .init("restart", DriftStory.restarted), .init("older rendering", DriftStory.olderRendering),
        .init("external", DriftStory.external), .init("a fight over replicas", DriftStory.fight),
        .init("an order that is put back", DriftStory.contested),
    ]

    @Test("over the model of the API server", arguments: stories)
    func model(story: ClusterStory) async throws { try await TestCluster.with(.model, story.tell) }

    @Test(
        "over a real API server", .enabled(if: TestCluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"),
        arguments: stories)
    func real(story: ClusterStory) async throws { try await TestCluster.with(.real, story.tell) }
}

private enum DriftStory {
    static let name = "fraud-1111111111"

    static func plan(
        _ cluster: TestCluster, drift: DriftPolicy = DriftPolicy(), scaling: Scaling = .manifest, replicas: Int = 2
    ) -> ServingPlan {
        var plan = Sample.plan([(Sample.one, replicas, 100)], key: cluster.key())
        plan.target = .kubernetes(KubernetesTarget(drift: drift))
        plan.scaling = scaling
        return plan
    }

    /// Additions that people make with kubectl: a merge patch replaces whole lists.
    static func additions(_ cluster: TestCluster) async throws -> [(ResourceType, String, JSONValue)] {
        let workload = try await cluster.object(.deployments, name)
        let containers = workload?["spec"]?["template"]?["spec"]?["containers"]?.items ?? []
        let server = containers.first ?? .null
        let variable: JSONValue = ["name": "MINE", "value": "1"]
        let env = server["env"]?.items ?? []
        let ports = try await cluster.object(.services, "fraud")?["spec"]?["ports"]?.items ?? []
        let withEnv = server.merging(["env": .array(env + [variable])])
        func template(_ containers: [JSONValue]) -> JSONValue {
            ["spec": ["template": ["spec": ["containers": .array(containers)]]]]
        }
        return [
            (.deployments, name, template([withEnv])),
            (.deployments, name, template([server, ["name": "side", "image": "side:1"]])),
            (.deployments, name, ["spec": ["paused": true]]),
            (
                .services, "fraud",
                [
                    "spec": [
                        "ports": .array(
                            ports + [["name": "more", "port": 9999, "targetPort": 9999, "protocol": "TCP"]])
                    ]
                ]
            ),
            (.services, name, ["spec": ["publishNotReadyAddresses": true]]),
            (.configMaps, "fraud-route", ["data": ["mine": "1"]]),
        ]
    }

    static func waitUntilSeen(
        _ cluster: TestCluster, _ backend: ClusterBackend, _ type: ResourceType, _ name: String
    ) async throws {
        let id = ObjectID(type: type, key: NamespacedName(namespace: cluster.namespace, name: name))
        try await cluster.wait(
            until: { await backend.views.live(id)?.writers.added != nil }, "\(id): the addition is seen")
    }

    /// Each addition is removed by one write. Nothing else changes, and nothing more is written.
    @Sendable static func undone(_ cluster: TestCluster) async throws {
        let plan = plan(cluster)
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            for (type, object, patch) in try await additions(cluster) {
                let before = try await cluster.object(type, object)
                try await cluster.edit(type, object, patch)
                #expect(try await cluster.object(type, object)?["spec"] != before?["spec"] || type == .configMaps)
                try await waitUntilSeen(cluster, backend, type, object)
                let writes = cluster.transport.writes.count
                try await cluster.wait(
                    until: {
                        try await backend.apply(plan)
                        let now = try await cluster.object(type, object)
                        return now?["spec"] == before?["spec"] && now?["data"] == before?["data"]
                    }, "\(patch) is undone")
                #expect(cluster.transport.writes.count == writes + 1, "\(patch)")
                try await cluster.wait(
                    until: {
                        await backend.views.live(
                            ObjectID(type: type, key: NamespacedName(namespace: cluster.namespace, name: object)))?
                            .writers
                            .added == nil
                    }, "its end is seen")
            }
            try await cluster.settle(backend, plan, writes: 0)
        }
    }

    @Sendable static func reported(_ cluster: TestCluster) async throws {
        let plan = plan(cluster, drift: DriftPolicy(.report))
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            try await cluster.edit(.deployments, name, ["spec": ["paused": true]])
            try await waitUntilSeen(cluster, backend, .deployments, name)
            try await cluster.settle(backend, plan, writes: 0)
            let problems = try await backend.observe(cluster.key()).problems.filter { $0.contains("spec.paused") }
            #expect(problems.count == 1)
            #expect(problems.first?.contains("kubectl-edit") == true, "\(problems)")
            try await cluster.edit(.deployments, name, ["spec": ["paused": .null]])
            try await cluster.wait(
                until: {
                    try await backend.apply(plan)
                    return try await backend.observe(cluster.key()).problems.allSatisfy { !$0.contains("spec.paused") }
                }, "it is not said any more")
        }
    }

    @Sendable static func ignored(_ cluster: TestCluster) async throws {
        let path = try #require(ObjectFieldPath("spec.template.spec.containers[*].env"))
        let plan = plan(cluster, drift: DriftPolicy(.undo, ignoring: [path]))
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            let addition = try await additions(cluster)[0]
            try await cluster.edit(addition.0, addition.1, addition.2)
            try await waitUntilSeen(cluster, backend, .deployments, name)
            try await cluster.settle(backend, plan, writes: 0)
            #expect(try await backend.observe(cluster.key()).problems.allSatisfy { !$0.contains("MINE") })
            let server = try await cluster.object(.deployments, name)?["spec"]?["template"]?["spec"]?["containers"]?[0]
            #expect(server?["env"]?.items.contains { $0["name"] == "MINE" } == true)
        }
    }

    /// `kubectl rollout restart` is an order and not drift.
    @Sendable static func restarted(_ cluster: TestCluster) async throws {
        let plan = plan(cluster)
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            let order: JSONValue = ["kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"]
            try await cluster.edit(
                .deployments, name, ["spec": ["template": ["metadata": ["annotations": order]]]])
            try await waitUntilSeen(cluster, backend, .deployments, name)
            try await cluster.settle(backend, plan, writes: 0)
        }
    }

    /// A newer version keeps the pods that an older one rendered, but not what somebody added to them.
    @Sendable static func olderRendering(_ cluster: TestCluster) async throws {
        let plan = plan(cluster)
        try await cluster.withBackend { try await cluster.settle($0, plan) }
        let before = try await cluster.object(.deployments, name)
        let addition = try await additions(cluster)[1]
        try await cluster.edit(addition.0, addition.1, addition.2)
        try await cluster.withBackend(settings: ClusterServingSettings(image: "mlctl:2")) { newer in
            try await cluster.wait(
                until: {
                    try await newer.apply(plan)
                    return try await cluster.object(.deployments, name)?["spec"]?["template"]
                        == before?["spec"]?["template"]
                }, "the template is as it was")
            try await cluster.settle(newer, plan, writes: 0)
        }
    }

    /// An autoscaler owns the number from the start, also for the next controller, until the manifest takes it back.
    @Sendable static func external(_ cluster: TestCluster) async throws {
        let plan = plan(cluster, scaling: .external)
        @Sendable func replicas() async throws -> JSONValue? {
            try await cluster.object(.deployments, name)?["spec"]?["replicas"]
        }
        @Sendable func isSeen(_ backend: ClusterBackend, _ count: Int) async throws {
            try await cluster.wait(
                until: { try await backend.observe(cluster.key()).wantedReplicas == [Sample.one: count] },
                "\(count) are wanted")
        }
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            #expect(try await replicas() == 2)
            try await cluster.scale(name, to: 7)
            try await isSeen(backend, 7)
            try await cluster.settle(backend, plan, writes: 0, "scaled by an autoscaler")
            #expect(try await backend.observe(cluster.key()).problems.allSatisfy { !$0.contains("scaling") })
        }
        try await cluster.withBackend { next in
            try await cluster.settle(next, plan, writes: 0, "the next controller")
            try await cluster.scale(name, to: 3, by: "kubectl")
            try await isSeen(next, 3)
            try await cluster.settle(next, plan, writes: 0, "scaled by a person")
            #expect(try await replicas() == 3)
            let manifest = Self.plan(cluster)
            try await cluster.settle(next, manifest)
            #expect(try await replicas() == 2)
            // The number is handed over again without a jump.
            try await cluster.settle(next, plan)
            #expect(try await replicas() == 2)
        }
    }

    /// Without `external` the number is restored at growing intervals, and the status names the writer.
    @Sendable static func fight(_ cluster: TestCluster) async throws {
        let plan = plan(cluster)
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            let id = ObjectID(type: .deployments, key: NamespacedName(namespace: cluster.namespace, name: name))
            let before = cluster.transport.writes.count
            for round in 0..<8 {
                try await cluster.scale(name, to: 5 + round)
                try await cluster.wait(
                    until: { await backend.views.live(id)?.writers.scaler != nil }, "it is scaled")
                try await backend.apply(plan)
                if await backend.views.live(id)?.writers.scaler == nil { continue }
                guard round < RewriteThrottle.free else { continue }
                try await cluster.wait(
                    until: { await backend.views.live(id)?.writers.scaler == nil }, "it is put back")
            }
            #expect(cluster.transport.writes.count == before + RewriteThrottle.free)
            let said = try await backend.observe(cluster.key()).problems.filter { $0.contains("keeps scaling") }
            #expect(said.count == 1)
            #expect(said.first?.contains("a HorizontalPodAutoscaler") == true, "\(said)")
            #expect(said.first?.contains("replicas: external") == true)
        }
    }

    /// Repeated additions are removed at growing intervals, and the status names the writer.
    @Sendable static func contested(_ cluster: TestCluster) async throws {
        let plan = plan(cluster)
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan)
            let before = cluster.transport.writes.count
            let id = ObjectID(type: .deployments, key: NamespacedName(namespace: cluster.namespace, name: name))
            for round in 0..<8 {
                try await cluster.edit(.deployments, name, ["spec": ["paused": true]])
                try await waitUntilSeen(cluster, backend, .deployments, name)
                guard round < RewriteThrottle.free else {
                    try await backend.apply(plan)
                    continue
                }
                // A write in between makes the backend look again.
                try await cluster.wait(
                    until: {
                        try await backend.apply(plan)
                        return await backend.views.live(id)?.writers.added == nil
                    }, "it is undone")
            }
            #expect(cluster.transport.writes.count == before + RewriteThrottle.free)
            let said = try await backend.observe(cluster.key()).problems.filter { $0.contains("keeps ") }
            #expect(said.count == 1)
            #expect(said.first?.contains("kubectl-edit keeps adding fields to") == true, "\(said)")
        }
    }
}

import Foundation
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

/// The model's own scheduler, kubelet and policies, which the real server of the conformance suite does not have.
@Suite("The model's cluster")
struct ModelClusterTests {
    let now = Date(timeIntervalSince1970: 1_800_000_000)

    func model(gpuCount: Int? = nil) -> APIServerModel {
        var settings = APIServerModel.Settings()
        settings.gpuCount = gpuCount
        return APIServerModel(namespaces: ["n"], now: now, settings: settings)
    }

    func deployment(_ name: String, image: String = "i:1", replicas: Int = 1, gpus: Int = 0) -> APIRequest {
        var container: JSONValue = ["name": "c", "image": .string(image)]
        if gpus > 0 { container.set(.integer(gpus), at: "resources", "limits", "nvidia.com/gpu") }
        let labels: JSONValue = ["app": .string(name)]
        let body: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": .string(name)],
            "spec": [
                "replicas": .integer(replicas), "selector": ["matchLabels": labels],
                "template": ["metadata": ["labels": labels], "spec": ["containers": [container]]],
            ],
        ]
        return .apply(
            .deployments, NamespacedName(namespace: "n", name: name), body: body.data, fieldManager: "mlctl",
            force: true)
    }

    func run(_ model: inout APIServerModel, steps: Int = 5) {
        for _ in 0..<steps {
            model.runControllers(now: now)
            model.collectGarbage(now: now)
        }
    }

    func status(_ model: APIServerModel, _ name: String, _ field: String) -> JSONValue? {
        model.object(.deployments, NamespacedName(namespace: "n", name: name))?.value(at: "status", field)
    }

    @Test("a Deployment becomes available after its pods have been through their steps")
    func ready() {
        var model = model()
        let applied = model.handle(deployment("d", replicas: 2), now: now)
        #expect(applied.code == 201)
        run(&model, steps: 1)
        #expect(status(model, "d", "readyReplicas") == nil)
        run(&model)
        #expect(status(model, "d", "readyReplicas") == 2 && model.objects(.pods).count == 2)
        let revision = model.revision
        run(&model)
        #expect(model.revision == revision, "a cluster at rest writes nothing")
    }

    @Test("an image that cannot be pulled leads to a back-off")
    func badImage() {
        var model = model()
        _ = model.handle(deployment("d", image: "bad/image:1"), now: now)
        run(&model)
        let statuses = model.objects(.pods).first?.value(at: "status", "containerStatuses")?.items
        #expect(statuses?.first?.value(at: "state", "waiting", "reason") == "ImagePullBackOff")
        #expect(status(model, "d", "readyReplicas") == nil)
    }

    @Test("pods beyond the GPUs stay pending until one is free")
    func gpus() {
        var model = model(gpuCount: 1)
        _ = model.handle(deployment("a", gpus: 1), now: now)
        _ = model.handle(deployment("b", gpus: 1), now: now)
        run(&model)
        #expect(status(model, "a", "readyReplicas") == 1 && status(model, "b", "readyReplicas") == nil)
        let waiting = model.objects(.pods).last?.value(at: "status", "conditions")?.items.first
        #expect(waiting?[field: "reason"] == "Unschedulable")
        _ = model.handle(.delete(.deployments, NamespacedName(namespace: "n", name: "a")), now: now)
        run(&model)
        #expect(status(model, "b", "readyReplicas") == 1)
    }

    @Test("another template creates other pods, and the old ones are deleted once the new are ready")
    func template() {
        var model = model()
        _ = model.handle(deployment("d", image: "i:1"), now: now)
        run(&model)
        let old = model.objects(.pods).first?.value(at: "metadata", "uid")
        _ = model.handle(deployment("d", image: "bad/i:2"), now: now)
        run(&model)
        let uids = model.objects(.pods).compactMap { $0.value(at: "metadata", "uid") }
        #expect(uids.contains(old ?? .null) && uids.count == 2)
        _ = model.handle(deployment("d", image: "i:3"), now: now)
        run(&model)
        let images = model.objects(.pods).compactMap { pod in
            pod.value(at: "spec", "containers")?.items.first?[field: "image"]?.text
        }
        #expect(images == ["i:3"])
    }

    @Test("a quota allows its number of pods, and the Deployment reports that some are missing")
    func quota() {
        var model = model()
        model.refusals.quotas = [.init(name: "few", namespace: "n", type: .pods, limit: 1)]
        _ = model.handle(deployment("d", replicas: 2), now: now)
        run(&model)
        #expect(model.objects(.pods).count == 1)
        let conditions = status(model, "d", "conditions")?.items.compactMap { $0[field: "type"]?.text }
        #expect(conditions?.contains("ReplicaFailure") == true)
    }

    @Test("webhooks and permissions refuse in the real server's words")
    func refusals() {
        var model = model()
        model.refusals.webhooks = [.init(name: "policy.example.com", type: .deployments, message: "no")]
        let denied = APIError.answer(
            code: 403, body: model.handle(deployment("d"), now: now).body, request: deployment("d"))
        #expect(denied.message == "admission webhook \"policy.example.com\" denied the request: no")
        model.refusals.webhooks[0].message = nil
        let silent = model.handle(deployment("d"), now: now)
        #expect(silent.code == 500)
        model.refusals.webhooks = []
        model.refusals.denials = [.init(verbs: ["patch"], type: .deployments)]
        let forbidden = APIError.answer(
            code: 403, body: model.handle(deployment("d"), now: now).body, request: deployment("d"))
        #expect(
            forbidden.message
                == "deployments.apps \"d\" is forbidden: User \"system:serviceaccount:mlctl:mlctl\" cannot patch resource "
                + "\"deployments\" in API group \"apps\" in the namespace \"n\"")
    }
}

import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

extension ConformanceCase {
    private static let deployment: JSONValue = [
        "spec": [
            "replicas": 2, "selector": ["matchLabels": ["app": "d"]],
            "template": [
                "metadata": ["labels": ["app": "d"]],
                "spec": [
                    "containers": [["name": "c", "image": "i:1", "ports": [["name": "http", "containerPort": 8080]]]]
                ],
            ],
        ]
    ]

    static let controllers: [ConformanceCase] = [
        ConformanceCase("a Deployment must select its own template") { trial in
            var wrong = deployment
            wrong.set(["app": "other"], at: "spec", "selector", "matchLabels")
            let refused = try await trial.create(.deployments, "d", wrong)
            #expect(refused.code == 422 && refused.causeFields == ["spec.template.metadata.labels"])
            let hollow = try await trial.create(.deployments, "d", ["spec": .object([:])])
            #expect(
                hollow.causeFields
                    == ["spec.selector", "spec.template.metadata.labels", "spec.template.spec.containers"])
        },
        ConformanceCase("a Deployment's selector cannot change") { trial in
            _ = try await trial.create(.deployments, "d", deployment)
            var changed = deployment
            changed.set(["app": "e"], at: "spec", "selector", "matchLabels")
            changed.set(["app": "e"], at: "spec", "template", "metadata", "labels")
            let refused = try await trial.apply(.deployments, "d", changed, force: true)
            #expect(refused.code == 422 && refused.causeFields == ["spec.selector"])
            #expect(refused.message?.hasSuffix("field is immutable") == true)
        },
        ConformanceCase("a Deployment has defaults, and its generation also counts changes of annotations") { trial in
            let made = try await trial.apply(.deployments, "d", deployment)
            #expect(made.body.value(at: "spec", "revisionHistoryLimit") == 10)
            #expect(made.body.value(at: "spec", "strategy", "type") == "RollingUpdate")
            let containers = made.body.value(at: "spec", "template", "spec", "containers")
            #expect(Trial.values("imagePullPolicy", of: containers) == ["IfNotPresent"])
            #expect(made.generation == 1)
            let again = try await trial.merge(.deployments, "d", ["spec": ["replicas": 3]])
            #expect(again.generation == 2)
            let noted = try await trial.merge(.deployments, "d", ["metadata": ["annotations": ["a": "b"]]])
            #expect(noted.generation == 3)
        },
        ConformanceCase("a Deployment creates as many pods as it wants, and they are deleted with it") { trial in
            let made = try await trial.apply(.deployments, "d", deployment)
            #expect(made.code == 201)
            let pods = APIRequest.list(.pods, .init(namespace: trial.namespace, labelSelector: "app=d"))
            let two = try await trial.eventually(pods) { $0.items.count == 2 }
            #expect(two.items.count == 2)
            #expect(two.items.first?.value(at: "metadata", "labels", "pod-template-hash")?.text != nil)
            #expect(two.names.first?.hasPrefix("d-") == true)
            let owner = two.items.first?.value(at: "metadata", "ownerReferences")?.items.first
            #expect(owner?[field: "controller"] == true)
            _ = try await trial.merge(.deployments, "d", ["spec": ["replicas": 1]])
            let one = try await trial.eventually(pods) { $0.items.count == 1 }
            #expect(one.items.count == 1)
            let seen = try await trial.eventually(.get(.deployments, trial.key(.deployments, "d"))) {
                $0.body.value(at: "status", "observedGeneration") == $0.metadata[field: "generation"]
            }
            #expect(seen.body.value(at: "status", "observedGeneration") == seen.metadata[field: "generation"])
            _ = try await trial.delete(.deployments, "d")
            let none = try await trial.eventually(pods) { $0.items.isEmpty }
            #expect(none.items.isEmpty)
        },
        ConformanceCase("a Service's slices have its labels, and list its pods, ready or not") { trial in
            _ = try await trial.apply(.deployments, "d", deployment)
            _ = try await trial.apply(
                .services, "s",
                [
                    "metadata": ["labels": ["team": "risk"]],
                    "spec": ["selector": ["app": "d"], "ports": [["port": 80, "targetPort": "http"]]],
                ])
            let pods = try await trial.eventually(
                .list(.pods, .init(namespace: trial.namespace, labelSelector: "app=d"))
            ) { $0.items.count == 2 }
            guard let pod = pods.names.first else {
                Issue.record("the Deployment has no pods")
                return
            }
            if trial.cluster.model == nil { try await Self.run(pod, trial) }
            let request = APIRequest.list(
                .endpointSlices, .init(namespace: trial.namespace, labelSelector: "kubernetes.io/service-name=s"))
            let slices = try await trial.eventually(request) { answer in
                Self.readyPods(answer).contains(pod)
            }
            #expect(Self.readyPods(slices).contains(pod), "\(slices.text)")
            #expect(slices.items.first?.value(at: "metadata", "labels", "team") == "risk")
            #expect(Trial.values("port", of: slices.items.first?[field: "ports"]) == [8080])
            #expect(slices.items.first?[field: "addressType"] == "IPv4")
            // The time that a pod has to end can be shortened, but not extended again.
            let key = NamespacedName(namespace: trial.namespace, name: pod)
            let first = try await trial.send(APIRequest.delete(.pods, key, graceSeconds: 60))
            #expect(first.metadata[field: "deletionGracePeriodSeconds"] == 60, "\(first.text)")
            let shorter = try await trial.send(APIRequest.delete(.pods, key, graceSeconds: 5))
            #expect(shorter.metadata[field: "deletionGracePeriodSeconds"] == 5, "\(shorter.text)")
            #expect(shorter.metadata[field: "deletionTimestamp"] != first.metadata[field: "deletionTimestamp"])
            let longer = try await trial.send(APIRequest.delete(.pods, key, graceSeconds: 30))
            #expect(longer.metadata[field: "deletionGracePeriodSeconds"] == 5, "\(longer.text)")
            _ = try await trial.delete(.deployments, "d")
            _ = try await trial.delete(Self.nodes, trial.namespace)
            // The node does not exist, so nothing else ends the pod.
            _ = try await trial.send(APIRequest.delete(.pods, key, graceSeconds: 0))
        },
    ]

    private static let nodes = ResourceType(kind: "Node", plural: "nodes", isNamespaced: false)

    /// Without a scheduler and a kubelet, the test reports that the pod runs, on a node: without one no slice lists it. The model
    /// has both.
    private static func run(_ pod: String, _ trial: Trial) async throws {
        _ = try await trial.create(nodes, trial.namespace)
        let binding: JSONValue = [
            "apiVersion": "v1", "kind": "Binding", "metadata": ["name": .string(pod)],
            "target": ["kind": "Node", "name": .string(trial.namespace)],
        ]
        let bound = try await trial.send(
            APIRequest(
                .post, ResourceType.pods.path(namespace: trial.namespace, name: pod, subresource: "binding"),
                contentType: "application/json", body: binding.data))
        #expect(bound.code == 201, "\(bound.text)")
        let status: JSONValue = [
            "status": [
                "podIP": "10.9.9.9", "podIPs": [["ip": "10.9.9.9"]], "phase": "Running",
                "conditions": [["type": "Ready", "status": "True"]],
            ]
        ]
        let running = try await trial.merge(.pods, pod, status, subresource: "status")
        #expect(running.code == 200, "\(running.text)")
    }

    private static func readyPods(_ slices: Trial.Answer) -> [String] {
        slices.items.flatMap { $0[field: "endpoints"]?.items ?? [] }
            .filter { $0.value(at: "conditions", "ready") == true }
            .compactMap { $0.value(at: "targetRef", "name")?.text }
    }
}

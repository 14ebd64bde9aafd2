import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Rollouts
import Serving
import Testing

@testable import KubernetesServing

@Suite("A check as a Job")
struct CheckJobRenderingTests {
    private func pod(
        _ gate: CheckGate = CheckSample.gate, _ inquiry: Inquiry? = nil
    ) throws -> (spec: JSONValue, container: JSONValue) {
        let spec = try CheckSample.job(gate, inquiry).podSpec
        return (spec, try #require(spec["containers"]?[0]))
    }

    @Test("is one pod, once, within the time of its start and of the gate, and is deleted by itself")
    func once() throws {
        let job = try CheckSample.job()
        #expect(job.body["apiVersion"] == "batch/v1" && job.body["kind"] == "Job")
        let limits = job.spec.members.filter { $0.key != "template" }
        #expect(
            limits == [
                "backoffLimit": 0, "completions": 1, "parallelism": 1, "activeDeadlineSeconds": 900,
                "ttlSecondsAfterFinished": 3600, "podReplacementPolicy": "Failed",
            ])
        #expect(job.podSpec["restartPolicy"] == "Never")
        let endless = CheckGate(command: ["x"], timeout: .seconds(1 << 40))
        #expect(try CheckSample.job(endless).spec["activeDeadlineSeconds"]?.whole == Int(Int32.max))
    }

    @Test("belongs to its ModelDeployment, without blocking its deletion, and is found by mlctl's labels")
    func ownership() throws {
        let metadata = try #require(try CheckSample.job(owner: Sample.owner).body["metadata"])
        #expect(
            metadata["ownerReferences"] == [
                [
                    "apiVersion": "mlctl.dev/v1alpha1", "kind": "ModelDeployment", "name": "fraud", "uid": "owner-1",
                    "controller": true,
                ]
            ])
        #expect(
            metadata["labels"] == [
                "app.kubernetes.io/managed-by": "mlctl", "app.kubernetes.io/name": "fraud",
                "app.kubernetes.io/component": "check", "mlctl.dev/deployment": "fraud",
                "mlctl.dev/revision": "2222222222",
            ])
        #expect(try CheckSample.job().body["metadata"]?["ownerReferences"] == nil)
    }

    /// The rules for pod templates of manifests. They treat missing fields as mlctl's own.
    @Test(
        "its pod meets the restricted standard, whatever level its server has",
        arguments: PodSettings.Security.allCases)
    func restricted(server: PodSettings.Security) throws {
        var runtime = Runtime(image: "server:1", command: ["serve"])
        runtime.pod = PodSettings(
            security: server,
            template: ["spec": ["hostNetwork": true, "securityContext": ["runAsUser": 0, "fsGroup": 7]]])
        let template = Sample.template("2", runtime: runtime)
        var spec = try pod(CheckSample.gate, CheckSample.inquiry(template: template)).spec.members
        #expect(
            spec["securityContext"] == [
                "runAsNonRoot": true, "seccompProfile": ["type": "RuntimeDefault"], "fsGroup": 7,
            ])
        #expect(spec["automountServiceAccountToken"] == false)
        #expect(spec["hostNetwork"] == nil)
        #expect(spec["initContainers"]?.items.count == 1)
        #expect(try Self.problems(.object(spec)) == [])
        spec["containers"] = [["name": "check", "image": "x"]]
        #expect(try Self.problems(.object(spec)).count == 1, "the rules do look")
    }

    private static func problems(_ spec: JSONValue) throws -> [String] {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer}
            spec:
              target: {kind: kubernetes}
              model: {version: "1"}
              runtime: {image: x, podSecurity: restricted, podTemplate: {spec: \(CanonicalJSON.text(spec))}}
            """
        return DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")]).diagnostics.map(\.description)
            .filter { $0.contains("Pod Security Standard") }
    }

    @Test("it uses the user of the manifest's template, unless that is root")
    func users() throws {
        var runtime = Runtime(image: "server:1", command: ["serve"])
        runtime.pod = PodSettings(template: ["spec": ["securityContext": ["runAsUser": 1000, "runAsGroup": 0]]])
        let spec = try pod(CheckSample.gate, CheckSample.inquiry(template: Sample.template("2", runtime: runtime))).spec
        #expect(spec["securityContext"]?["runAsUser"] == 1000)
        #expect(spec["securityContext"]?["runAsGroup"] == 0)
    }

    @Test(
        "its pod is behind no Service, in no disruption budget, and not counted as an instance",
        arguments: KubernetesTarget.Router.allCases)
    func apart(router: KubernetesTarget.Router) throws {
        let labels = try #require(
            try CheckSample.job().spec["template"]?["metadata"]?["labels"]?.members.mapValues { $0.text ?? "" })
        for weights in [[(Sample.one, 100), (Sample.two, 0)], [(Sample.one, 50), (Sample.two, 50)]] {
            let plan = Sample.plan(weights.map { ($0.0, replicas: 2, weight: $0.1) }, router: router)
            let objects = Sample.rendering(plan, ready: [Sample.one: 2, Sample.two: 2]).result().all
            let selectors = objects.compactMap { object -> [String: JSONValue]? in
                let selector = object.body["spec"]?["selector"] ?? object.body["spec"]?["podSelector"]
                return (selector?["matchLabels"] ?? selector)?.members
            }
            #expect(selectors.count > 3)
            for selector in selectors {
                #expect(!selector.isEmpty)
                #expect(!selector.allSatisfy { labels[$0.key] == $0.value.text }, "\(selector)")
            }
        }
        #expect(labels[ObjectLabels.managedBy] == nil, "the watch of pods that serve passes it by")
        #expect(labels[ObjectLabels.deployment] == nil && labels[ObjectLabels.revision] == nil)
    }

    @Test("it gets both Services' addresses and the facts, which no variable overrides")
    func environment() throws {
        let gate = CheckGate(
            command: ["x"],
            env: [
                EnvironmentVariable(name: "MLCTL_REVISION", value: .literal("mine")),
                EnvironmentVariable(name: "MODEL_NAME", value: .literal("mine")),
                EnvironmentVariable(name: "URL", value: .literal("$(MLCTL_CANDIDATE_URL)/v2")),
                EnvironmentVariable(name: "A", value: .literal("1")),
                EnvironmentVariable(name: "A", value: .literal("2")),
            ])
        var inquiry = CheckSample.inquiry(gate, endpoint: "http://fraud.payments.svc:9000", port: 9000)
        inquiry.candidate.version = "$(HOME)"
        let variables = try #require(try pod(gate, inquiry).container["env"]?.items)
        let values = variables.map { "\($0["name"]?.text ?? "")=\($0["value"]?.text ?? "")" }
        #expect(
            values == [
                "MLCTL_CANDIDATE_URL=http://fraud-2222222222.payments.svc:9000",
                "MLCTL_ENDPOINT=http://fraud.payments.svc:9000", "MLCTL_REVISION=2222222222",
                "MLCTL_STABLE_URL=http://fraud-1111111111.payments.svc:9000", "MODEL_DIR=/mnt/models",
                "MODEL_VERSION=$$(HOME)", "MODEL_NAME=mine", "URL=$(MLCTL_CANDIDATE_URL)/v2", "A=2",
            ])
        let first = try pod(gate, CheckSample.inquiry(gate, hasStable: false)).container["env"]?.items ?? []
        let names = first.compactMap { $0["name"]?.text }
        #expect(!names.contains("MLCTL_STABLE_URL") && !names.contains("MLCTL_ENDPOINT"))
    }

    @Test("secrets are references, and their values appear nowhere")
    func secrets() throws {
        let gate = CheckGate(
            command: ["x"], env: [EnvironmentVariable(name: "DB", value: .secret("payments-db"))])
        let variable = try pod(gate).container["env"]?.items.last
        #expect(
            variable
                == ["name": "DB", "valueFrom": ["secretKeyRef": ["name": "payments-db", "key": "value"]]])
    }

    @Test("runs in its own image or the server's, in the folder of the candidate's files or an empty one")
    func image() throws {
        #expect(try pod().container["image"] == "server:1")
        #expect(try pod(CheckGate(command: ["x"], image: "eval:2")).container["image"] == "eval:2")
        let (spec, container) = try pod()
        #expect(container["workingDir"] == "/mnt/models")
        #expect(container["volumeMounts"]?[0]?["readOnly"] == true)
        #expect(spec["initContainers"]?[0]?["name"] == "fetch-model")
        let bare = CheckSample.inquiry(template: Sample.template("2", uri: nil))
        let (empty, check) = try pod(CheckSample.gate, bare)
        #expect(empty["volumes"] == [["name": "model", "emptyDir": .object([:])]])
        #expect(check["volumeMounts"]?[0]?["mountPath"] == "/mnt/models" && check["workingDir"] == "/mnt/models")
        #expect(throws: ClusterServingError.self) {
            try CheckSample.job(
                CheckSample.gate,
                CheckSample.inquiry(template: Sample.template("2", runtime: Runtime(command: ["serve"]))))
        }
    }

    @Test("has at most the resources of one instance, never its GPU, and defaults if that has no limits")
    func resources() throws {
        func resources(_ server: Resources) throws -> JSONValue? {
            try pod(CheckSample.gate, CheckSample.inquiry(template: Sample.template("2", resources: server)))
                .container["resources"]
        }
        #expect(
            try resources(Resources()) == [
                "limits": ["cpu": "1", "memory": "2Gi"], "requests": ["cpu": "100m", "memory": "256Mi"],
            ])
        #expect(
            try resources(
                Resources(cpuLimitMillicores: 50, memoryLimitBytes: 128 << 20, extended: ["nvidia.com/gpu": 1]))
                == ["limits": ["cpu": "50m", "memory": "128Mi"], "requests": ["cpu": "50m", "memory": "128Mi"]])
    }

    @Test("the same run has the same name; another run, command, attempt or candidate has another")
    func names() throws {
        let name = CheckJobRendering.name(of: CheckSample.inquiry())
        #expect(name.hasPrefix("fraud-2222222222-check-"))
        // A change by an observation or a restart is not another run.
        #expect(CheckJobRendering.name(of: CheckSample.inquiry(hasStable: false, endpoint: "x", port: 1)) == name)
        var other = CheckSample.inquiry()
        other.candidate.revision = Sample.one
        let others = [
            CheckSample.inquiry(run: 2), CheckSample.inquiry(CheckGate(command: ["other"], timeout: .seconds(300))),
            CheckSample.inquiry(since: Date(timeIntervalSince1970: 1_800_000_060)), other,
        ].map { CheckJobRendering.name(of: $0) }
        #expect(Set(others + [name]).count == 5)
        let long = DeploymentKey(namespace: "payments", name: String(repeating: "a", count: 63))
        let shortened = CheckJobRendering.name(of: CheckSample.inquiry(key: long))
        #expect(shortened.utf8.count <= 63)
        #expect(NameRules.isDNSLabel(shortened))
    }
}

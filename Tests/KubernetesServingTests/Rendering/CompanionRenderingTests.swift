import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("The companion in a pod")
struct CompanionRenderingTests {
    private func pod(_ runtime: Runtime, uri: String? = "pvc://models/fraud", recordings: String? = nil) throws
        -> JSONValue
    {
        try PodRendering(
            deployment: Sample.key, revision: Sample.one, template: Sample.template("7", uri: uri, runtime: runtime),
            settings: Sample.settings, recordings: recordings
        ).podTemplate()
    }

    private func companion(_ pod: JSONValue) -> JSONValue? {
        pod["spec"]?["containers"]?.items.first { $0["name"] == "companion" }
    }

    @Test("warms the server up before the pod is ready, and sees the model's files as the server does")
    func warmup() throws {
        var runtime = Runtime(image: "server:1", command: [])
        runtime.warmup = Warmup(file: "warm$up.jsonl", path: "/infer", timeout: .seconds(90))
        runtime.probes.readiness = Probe(check: .httpGet(path: "v2/health/ready", port: nil))
        let pod = try pod(runtime)
        let expected = try Sample.json(
            #"""
            {"name":"companion","image":"mlctl:1",
             "args":["companion","--folder","/mnt/models","--server-port","8080","--ready-port","8080",
                     "--ready-path","/v2/health/ready","--warm-up","warm$$up.jsonl","--warm-up-path","/infer",
                     "--warm-up-timeout-seconds","90"],
             "ports":[{"name":"companion","containerPort":9902,"protocol":"TCP"}],
             "readinessProbe":{"httpGet":{"path":"/readyz","port":9902,"scheme":"HTTP"},"periodSeconds":1,
                               "timeoutSeconds":1,"failureThreshold":1,"successThreshold":1},
             "resources":{"requests":{"cpu":"10m","memory":"32Mi"},"limits":{"memory":"128Mi"}},
             "securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}},
             "terminationMessagePolicy":"FallbackToLogsOnError",
             "volumeMounts":[{"name":"model","mountPath":"/mnt/models","readOnly":true,"subPath":"fraud"}]}
            """#)
        #expect(companion(pod) == expected)
        #expect(pod["metadata"]?["annotations"]?["kubectl.kubernetes.io/default-container"] == "model")
    }

    @Test("serves recorded requests if proxies are to send some; otherwise no pod has it")
    func recordings() throws {
        let plain = Runtime(image: "server:1", command: [])
        #expect(try companion(pod(plain)) == nil)
        let arguments = try companion(pod(plain, recordings: "r.jsonl"))?["args"]?.items.compactMap(\.text)
        #expect(arguments?.suffix(2) == ["--recordings", "r.jsonl"])
        #expect(arguments?.contains("--warm-up") == false)
        var plan = Sample.plan(
            [(Sample.one, 1, 100)],
            endpoint: Endpoint(generate: SyntheticTraffic(ratePerSecond: 1, requests: "r.jsonl", path: "/p")))
        plan.revisions[0].template = Sample.template(uri: "s3://b/m")
        let workload = Sample.rendering(plan).result().workloads.first { $0.type == .deployments }
        #expect(workload?.body["spec"]?["template"].flatMap(companion) != nil)
    }

    @Test("has no files to read if they are in the server's image, and no port if the server uses it")
    func impossible() throws {
        var runtime = Runtime(image: "server:1", command: [])
        runtime.warmup = Warmup(file: "w")
        #expect(try companion(pod(runtime, uri: nil)) == nil)
        runtime.ports = [ContainerPort(name: "http", containerPort: CompanionPort.number)]
        let error = #expect(throws: ClusterServingError.self) { try pod(runtime) }
        #expect(error?.retryClass == .terminal)
    }
}

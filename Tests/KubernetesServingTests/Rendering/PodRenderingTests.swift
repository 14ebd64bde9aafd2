import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("Rendered pods")
struct PodRenderingTests {
    private func rendered(_ template: ServingTemplate) throws -> JSONValue {
        try PodRendering(deployment: Sample.key, revision: Sample.one, template: template, settings: Sample.settings)
            .podTemplate()
    }

    @Test("the complete pod of a plain server whose model is fetched")
    func whole() throws {
        let pod = try rendered(Sample.template("7"))
        let expected = try Sample.json(
            #"""
            {"metadata":{"labels":{
              "app.kubernetes.io/component":"model","app.kubernetes.io/managed-by":"mlctl",
              "app.kubernetes.io/name":"fraud","app.kubernetes.io/version":"7","mlctl.dev/deployment":"fraud",
              "mlctl.dev/revision":"1111111111"}},
             "spec":{
              "automountServiceAccountToken":false,
              "securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},
              "terminationGracePeriodSeconds":635,
              "volumes":[{"name":"model","emptyDir":{}}],
              "initContainers":[{
                "name":"fetch-model","image":"mlctl:1",
                "args":["fetch-model","--uri","https://models.example/fraud.tar","--to","/mnt/models"],
                "resources":{"requests":{"cpu":"100m","memory":"100Mi"},"limits":{"cpu":"1","memory":"1Gi"}},
                "securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}},
                "terminationMessagePolicy":"FallbackToLogsOnError",
                "volumeMounts":[{"name":"model","mountPath":"/mnt/models"}]}],
              "containers":[{
                "name":"model","image":"server:1","command":["serve"],"args":["--port","$(PORT)"],
                "workingDir":"/mnt/models",
                "env":[{"name":"PORT","value":"8080"},{"name":"PORT_HTTP","value":"8080"},
                       {"name":"MODEL_NAME","value":"fraud"},{"name":"MODEL_VERSION","value":"7"},
                       {"name":"MODEL_DIR","value":"/mnt/models"}],
                "ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],
                "securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}},
                "volumeMounts":[{"name":"model","mountPath":"/mnt/models","readOnly":true}],
                "lifecycle":{"preStop":{"sleep":{"seconds":65}}},
                "terminationMessagePolicy":"FallbackToLogsOnError",
                "startupProbe":{"tcpSocket":{"port":8080},"periodSeconds":1,"timeoutSeconds":1,"failureThreshold":600,
                                "successThreshold":1},
                "readinessProbe":{"tcpSocket":{"port":8080},"periodSeconds":10,"timeoutSeconds":1,"failureThreshold":3,
                                  "successThreshold":1}}]}}
            """#)
        #expect(pod == expected)
    }

    @Test(
        "an ending pod is told after the time of every request; streams and the server's grace period come on top",
        arguments: [
            (Endpoint(requestTimeout: .seconds(5)), 10, 635), (Endpoint(requestTimeout: .seconds(900)), 905, 935),
            (
                Endpoint(
                    requestTimeout: .seconds(60), drain: Drain(timeout: .seconds(20), streamTimeout: .seconds(30))), 25,
                65
            ),
        ])
    func drain(endpoint: Endpoint, preStop: Int, grace: Int) throws {
        var rendering = PodRendering(
            deployment: Sample.key, revision: Sample.one, template: Sample.template("7"), settings: Sample.settings)
        rendering.drain = endpoint
        let spec = try #require(rendering.podTemplate()["spec"])
        #expect(
            spec["containers"]?[0]?["lifecycle"]?["preStop"]?["sleep"]?["seconds"] == .integer(preStop))
        #expect(spec["terminationGracePeriodSeconds"] == .integer(grace))
    }

    @Test("variables of mlctl come first, the manifest's win, and secrets are references")
    func environment() throws {
        var runtime = Runtime(image: "s", command: [])
        runtime.env = [
            EnvironmentVariable(name: "MODEL_NAME", value: .literal("mine")),
            EnvironmentVariable(name: "A", value: .literal("first")),
            EnvironmentVariable(name: "TOKEN", value: .secret("hub-token")),
            EnvironmentVariable(name: "A", value: .literal("$(PORT_GRPC)")),
        ]
        runtime.ports = [ContainerPort(name: "grpc"), ContainerPort(name: "http", containerPort: 8080)]
        let template = Sample.template("a$(B)", uri: nil, runtime: runtime)
        let container = try #require(rendered(template)["spec"]?["containers"]?[0])
        let expected = try Sample.json(
            #"""
            [{"name":"PORT","value":"8080"},{"name":"PORT_GRPC","value":"8081"},{"name":"PORT_HTTP","value":"8080"},
             {"name":"MODEL_VERSION","value":"a$$(B)"},{"name":"MODEL_DIR","value":"/mnt/models"},
             {"name":"MODEL_NAME","value":"mine"},
             {"name":"TOKEN","valueFrom":{"secretKeyRef":{"name":"hub-token","key":"value"}}},
             {"name":"A","value":"$(PORT_GRPC)"}]
            """#)
        #expect(container["env"] == expected)
        #expect(container["workingDir"] == nil)
    }

    @Test("resources, nodes, tolerations, accounts and pull secrets are as written")
    func placement() throws {
        let pod = PodSettings(
            serviceAccountName: "reader", imagePullSecrets: ["registry"], nodeSelector: ["gpu": "a100"],
            tolerations: [Toleration(key: "gpu", operator: "Exists", effect: "NoSchedule")], security: .baseline)
        let template = Sample.template(
            runtime: Runtime(image: "s", command: [], pod: pod),
            resources: Resources(
                cpuLimitMillicores: 1500, memoryLimitBytes: 4 << 30, extended: ["nvidia.com/gpu": 1]))
        let spec = try #require(rendered(template)["spec"])
        #expect(spec["serviceAccountName"] == "reader")
        #expect(spec["imagePullSecrets"] == [["name": "registry"]])
        #expect(spec["nodeSelector"] == ["gpu": "a100"])
        #expect(spec["tolerations"] == [["key": "gpu", "operator": "Exists", "effect": "NoSchedule"]])
        #expect(spec["securityContext"] == ["seccompProfile": ["type": "RuntimeDefault"]])
        #expect(spec["containers"]?[0]?["securityContext"] == nil)
        let limits = try Sample.json(#"{"cpu":"1500m","memory":"4Gi","nvidia.com/gpu":"1"}"#)
        #expect(spec["containers"]?[0]?["resources"]?["limits"] == limits)
    }

    @Test("a runtime without an image is refused, and the error says what to do")
    func noImage() throws {
        let template = Sample.template(runtime: Runtime(command: ["serve"]))
        let error = #expect(throws: ClusterServingError.self) { try rendered(template) }
        #expect(error?.message.contains("runtime.image") == true)
        #expect(error?.retryClass == .terminal)
    }

    @Test("a podTemplate is merged by name, and cannot remove the labels by which pods are found")
    func podTemplate() throws {
        let patch = try Sample.json(
            #"""
            {"metadata":{"labels":{"team":"risk","mlctl.dev/revision":"mine"},"annotations":{"a":"b"}},
             "spec":{"priorityClassName":"high","automountServiceAccountToken":null,
              "volumes":[{"name":"shm","emptyDir":{"medium":"Memory"}}],
              "containers":[{"name":"model","volumeMounts":[{"name":"shm","mountPath":"/dev/shm"}],"args":["x"]},
                            {"name":"sidecar","image":"proxy:2"}]}}
            """#)
        let runtime = Runtime(image: "s", command: [], pod: PodSettings(template: patch))
        let pod = try rendered(Sample.template(runtime: runtime))
        #expect(pod["metadata"]?["labels"]?["team"] == "risk")
        #expect(pod["metadata"]?["labels"]?["mlctl.dev/revision"] == "1111111111")
        #expect(pod["metadata"]?["annotations"] == ["a": "b"])
        #expect(pod["spec"]?["priorityClassName"] == "high")
        #expect(pod["spec"]?["automountServiceAccountToken"] == nil)
        #expect(pod["spec"]?["volumes"]?.items.compactMap { $0["name"]?.text } == ["model", "shm"])
        let containers = try #require(pod["spec"]?["containers"]?.items)
        #expect(containers.compactMap { $0["name"]?.text } == ["model", "sidecar"])
        #expect(containers[0]["image"] == "s")
        #expect(containers[0]["args"] == ["x"])
        #expect(
            containers[0]["volumeMounts"]?.items.compactMap { $0["mountPath"]?.text } == ["/mnt/models", "/dev/shm"])
    }

    @Test("probes are whole seconds, name their ports, and liveness waits for the start")
    func probes() throws {
        var runtime = Runtime(image: "s", command: [])
        runtime.ports = [ContainerPort(name: "http"), ContainerPort(name: "metrics", containerPort: 9000)]
        runtime.probes.readiness = Probe(
            check: .httpGet(path: "/ready", port: nil), period: .milliseconds(500), successThreshold: 2)
        runtime.probes.liveness = Probe(
            check: .tcpSocket(port: "metrics"), period: .seconds(5), timeout: .milliseconds(1500),
            initialDelay: .seconds(3))
        let container = try #require(rendered(Sample.template(runtime: runtime))["spec"]?["containers"]?[0])
        let readiness = try Sample.json(
            #"""
            {"httpGet":{"path":"/ready","port":8080,"scheme":"HTTP"},"periodSeconds":1,"timeoutSeconds":1,
             "failureThreshold":3,"successThreshold":2}
            """#)
        #expect(container["readinessProbe"] == readiness)
        #expect(container["startupProbe"]?["httpGet"] == readiness["httpGet"])
        #expect(container["startupProbe"]?["successThreshold"] == 1)
        let liveness = try Sample.json(
            #"""
            {"tcpSocket":{"port":9000},"periodSeconds":5,"timeoutSeconds":2,"failureThreshold":3,"successThreshold":1,
             "initialDelaySeconds":3}
            """#)
        #expect(container["livenessProbe"] == liveness)
    }
}

@Suite("Model files in pods")
struct ModelFilesRenderingTests {
    private func files(_ uri: String?, digest: String? = nil) throws -> ModelFilesRendering? {
        try ModelFilesRendering.files(
            of: ModelSource(version: "1", storageURI: uri, digest: digest.flatMap { Digest($0) }),
            security: .restricted,
            settings: Sample.settings)
    }

    @Test("a claim is mounted read-only, at its path")
    func claim() throws {
        let files = try #require(try files("pvc://models/fraud/7"))
        #expect(
            files.volume == ["name": "model", "persistentVolumeClaim": ["claimName": "models", "readOnly": true]])
        #expect(
            files.mount == ["name": "model", "mountPath": "/mnt/models", "readOnly": true, "subPath": "fraud/7"])
        #expect(files.initContainers == [])
    }

    @Test("an OCI artifact is an image volume")
    func image() throws {
        let files = try #require(try files("oci://ghcr.io/acme/fraud:7"))
        let reference: JSONValue = ["reference": "ghcr.io/acme/fraud:7", "pullPolicy": "IfNotPresent"]
        #expect(files.volume == ["name": "model", "image": reference])
    }

    @Test(
        "stores are read by mlctl, in the container whose name podTemplates of KServe know",
        arguments: ["s3://models/m", "gs://b/m", "az://acme/c/m", "hf://acme/m@v1", "models:/m@a", "runs:/1/m"])
    func bucket(uri: String) throws {
        let container = try #require(try files(uri)?.initContainers.first)
        #expect(container["name"] == "storage-initializer")
        #expect(container["image"] == "mlctl:1")
        #expect(container["args"] == ["fetch-model", "--uri", .string(uri), "--to", "/mnt/models"])
    }

    @Test("a digest is passed on, and dollar signs are not references")
    func web() throws {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        let container = try #require(try files("https://x/$(A)", digest: digest)?.initContainers.first)
        #expect(try files("https://x/$(A)", digest: digest)?.initContainers.count == 1)
        #expect(
            container["args"]
                == ["fetch-model", "--uri", "https://x/$$(A)", "--to", "/mnt/models", "--digest", .string(digest)])
    }

    @Test(
        "files from another source are verified in every pod before the server starts",
        arguments: ["pvc://claim/m", "oci://ghcr.io/acme/fraud:7"])
    func verified(uri: String) throws {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        let files = try #require(try files(uri, digest: digest))
        let container = try #require(files.initContainers.last)
        #expect(container["name"] == "verify-model")
        #expect(container["image"] == "mlctl:1")
        #expect(
            container["args"] == ["fetch-model", "--verify-only", "--digest", .string(digest), "--to", "/mnt/models"])
        #expect(container["volumeMounts"] == [files.mount])
        #expect(files.mount["readOnly"] == true)
    }

    @Test(
        "files of the controller's machine are refused with the reason",
        arguments: ["file:///models/m", "ftp://x", "pvc://"])
    func refused(uri: String) {
        let error = #expect(throws: ClusterServingError.self) { try files(uri) }
        #expect(error?.retryClass == .terminal)
        #expect(error?.message.contains(uri) == true)
    }
}

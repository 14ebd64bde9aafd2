import TestSupport
import Testing

@testable import ModelManifests

@Suite struct ManifestReaderTests {
    @Test func `every field is read`() throws {
        let deployment = try Manifests.only(Manifests.full)
        #expect(deployment.key == DeploymentKey(namespace: "payments", name: "fraud-scorer"))
        #expect(deployment.labels == ["team": "risk"])
        #expect(deployment.lineage == ["run": "mlflow:3f1c", "data": "dvc:9a7e"])
        #expect(
            deployment.template.model
                == ModelSource(
                    version: "2026-11-20", storageURI: "file:models/fraud/2026-11-20", digest: nil, format: "sklearn"))
        #expect(
            deployment.template.runtime
                == Runtime(
                    command: ["server", "--port", "$(PORT)"],
                    env: [
                        EnvironmentVariable(name: "THREADS", value: .literal("2")),
                        EnvironmentVariable(name: "TOKEN", value: .secret("scorer-token")),
                    ],
                    ports: [ContainerPort(name: "http", containerPort: 8080)],
                    probes: Probes(
                        readiness: Probe(
                            check: .httpGet(path: "/ready", port: "http"), period: .milliseconds(500),
                            failureThreshold: 5)),
                    warmup: Warmup(file: "warmup.jsonl", path: "/score", timeout: .seconds(20)),
                    terminationGracePeriod: .seconds(10)))
        #expect(
            deployment.template.resources
                == Resources(
                    cpuLimitMillicores: 1500, memoryLimitBytes: 4 << 30, extended: ["nvidia.com/gpu": 1]))
        #expect(deployment.replicas == 2)
        #expect(
            deployment.endpoint
                == Endpoint(port: 9000, routing: .stickyHeader("x-user-id"), requestTimeout: .seconds(5)))
        #expect(
            deployment.rollout
                == RolloutSpec(
                    steps: [
                        RolloutStep(.setWeight(5)), RolloutStep(.pause(.seconds(120))),
                        RolloutStep(.setWeight(25), advance: .evidence), RolloutStep(.gate("no-worse-errors")),
                        RolloutStep(.approval), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100)),
                    ],
                    gates: [
                        GateSpec(
                            name: "no-worse-errors",
                            kind: .compare(CompareGate(metric: .errors, maxRelativeIncrease: 0.1, minSamples: 200))),
                        GateSpec(
                            name: "p99",
                            kind: .threshold(
                                ThresholdGate(metric: .latencyP99, max: 0.25, interval: .seconds(10), failureLimit: 2))),
                    ],
                    falseRollbackRate: 0.02, missedRegressionRate: 0.1, progressDeadline: .seconds(600),
                    onInsufficient: .rollback, onFailure: .pause,
                    probation: Probation(duration: .seconds(5400), holdback: 5)))
        #expect(deployment.suspend)
    }

    @Test func `a name, a runtime and a version are enough`() throws {
        let deployment = try Manifests.only(
            """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: small}
            spec:
              model: {storageUri: https://example.com/models/v7.tar.gz?x=1}
              runtime: {name: mlctl}
            """)
        #expect(deployment.key == DeploymentKey(namespace: "default", name: "small"))
        #expect(deployment.template.model.version == "v7.tar.gz")
        // Its runtime speaks the Open Inference Protocol: mlctl observes predictions, and a gate warns.
        var (rollout, endpoint) = (deployment.rollout, deployment.endpoint)
        #expect(rollout.gates.last?.name == "predictions" && rollout.gates.last?.warnOnly == true)
        #expect(endpoint.observe.map(\.mostPerSecond) == [50])
        rollout.gates.removeLast()
        endpoint.observe = []
        #expect(rollout == RolloutSpec())
        #expect(deployment.replicas == 1)
        #expect(endpoint == Endpoint())
    }

    @Test func `all errors of a file are found at once, each with its place`() {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: Fraud_Scorer}
            spec:
              model: {version: "1", digest: sha256:12}
              runtime: {command: [server]}
              replica: 2
              replicas: two
              rollout:
                steps:
                - setWeight: 50
                - setWeight: 20
              replicas: 3
            ---
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: second}
            spec:
              runtime: [server]
            """
        #expect(
            Manifests.problems(text) == [
                "3:18: metadata.name: 'Fraud_Scorer' is not a DNS-1123 label: use at most 63 lower-case letters, digits and '-', "
                    + "with a letter or digit at both ends (did you mean 'fraud-scorer'?)",
                "5:33: spec.model.digest: must be 'sha256:' and 64 hex digits, not 'sha256:12' (run sha256sum to get the digits)",
                "7:3: spec.replica: unknown field 'replica' (did you mean 'replicas'?)",
                "8:13: spec.replicas: must be a whole number, not 'two'",
                "12:7: spec.rollout.steps[1].setWeight: setWeight falls from 50 to 20 "
                    + "(weights must rise from step to step; only a rollback lowers them)",
                "12:7: spec.rollout.steps[1].setWeight: the steps end at 50 %, not at 100 % (add '- setWeight: 100' at the end)",
                "13:3: spec.replicas: is given twice, the first time on line 8 (keep one of them)",
                "19:3: spec.model: is missing (The model that is served.)",
                "19:12: spec.runtime: must be a mapping of fields, such as {name: …}, not a list",
            ])
    }

    @Test func `a diagnostic names the deployment that it affects`() {
        let file = ManifestReader.read(Manifests.deployment(spec: "replicas: -1"), file: "f")
        #expect(file.diagnostics.map(\.deployment) == [DeploymentKey(name: "scorer")])
        #expect(file.keys == [DeploymentKey(name: "scorer")])
    }

    @Test func `a syntax error leaves the other documents readable`() {
        let text = [
            Manifests.deployment("one"), "apiVersion: mlctl.dev/v1alpha1\nkind: [", Manifests.deployment("three"),
        ]
        .joined(separator: "\n---\n")
        let file = ManifestReader.read(text, file: "f")
        #expect(file.keys.map(\.name) == ["one", "three"])
        #expect(file.diagnostics.count == 1)
        #expect(file.unreadable == file.diagnostics.first)
    }

    @Test(arguments: ["", "---", "---\n---\n", "# nothing\n", "\u{FEFF}", "---\n...\n", "null", "~"])
    func `a file without documents is empty`(_ text: String) {
        let file = ManifestReader.read(text, file: "f")
        #expect(file.keys.isEmpty && file.diagnostics.isEmpty)
        #expect(
            ManifestReader.read(text, file: "f", named: true).diagnostics.map(\.message) == ["contains no manifest"])
    }

    @Test(arguments: [
        "apiVersion: v1\nkind: ConfigMap\n", "apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nspec: {}\n",
        "just text", "[1, 2]", "services: {web: {image: x}}", "kind: ModelDeployment\n",
    ])
    func `documents of other kinds are skipped, unless the file is named`(_ text: String) {
        let file = ManifestReader.read(text, file: "f")
        #expect(file.keys.isEmpty && file.diagnostics.isEmpty)
        #expect(file.passedOverCount == 1)
        #expect(
            ManifestReader.read(text, file: "f", named: true).diagnostics.map(\.message) == [
                "is not a manifest of mlctl"
            ])
    }

    @Test func `text that is not YAML is skipped if it is not a manifest of mlctl`() {
        let helm = "{{- if .Values.x }}\nkind: Deployment\n{{ end }}"
        #expect(ManifestReader.read(helm, file: "f").diagnostics == [])
        #expect(ManifestReader.read(helm, file: "f").unreadable != nil)
        #expect(ManifestReader.read(helm, file: "f", named: true).diagnostics.count == 1)
        #expect(ManifestReader.read("# mlctl.dev\n" + helm, file: "f").diagnostics.count == 1)
    }

    @Test(arguments: [
        (
            "apiVersion: mlctl.dev/v1\nkind: ModelDeployment", "version 'mlctl.dev/v1' is unknown",
            "did you mean 'mlctl.dev/v1alpha1'?"
        ),
        (
            "apiVersion: mlclt.dev/v1alpha1\nkind: X", "'mlclt.dev/v1alpha1' is unknown",
            "did you mean 'mlctl.dev/v1alpha1'?"
        ),
        (
            "apiVersion: mlctl.dev/v1alpha1\nkind: ModelDeploymnt", "'ModelDeploymnt' is not a kind of mlctl.dev",
            "did you mean 'ModelDeployment'?"
        ),
        (
            "apiVersion: mlctl.dev/v1alpha1", "is missing",
            "ModelDeployment, ServingRuntime, GateTemplate, PredictionProfile"
        ),
        ("kind: ModelDeployment\nspec: {}", "is missing", "write apiVersion: mlctl.dev/v1alpha1"),
    ])
    func `a broken manifest of mlctl is not skipped`(_ text: String, _ message: String, _ suggestion: String) {
        let diagnostics = ManifestReader.read(text, file: "f").diagnostics
        #expect(diagnostics.map(\.message) == [message])
        #expect(diagnostics.map(\.suggestion) == [suggestion])
    }

    @Test func `a file over 1 MiB is not read`() {
        let text = Manifests.full + "\n# " + String(repeating: "x", count: 1 << 20)
        for file in [
            ManifestReader.read(text, file: "f"), ManifestReader.read(bytes: Array(text.utf8), file: "f"),
        ] {
            #expect(file.keys.isEmpty)
            #expect(file.unreadable?.message.contains("at most 1048576 bytes") == true)
            // It may be somebody else's, so it is an error only where a person named it.
            #expect(file.diagnostics.isEmpty && file.passedOver != nil)
        }
        #expect(ManifestReader.read(text, file: "f", named: true).diagnostics.count == 1)
    }

    @Test func `bytes that are not UTF-8 say where`() {
        let bytes = Array("apiVersion: mlctl.dev/v1alpha1\nkind: é".utf8) + [0xFF, 0x0A]
        let file = ManifestReader.read(bytes: bytes, file: "f")
        #expect(file.diagnostics.map(\.description) == ["f:2:8: is not UTF-8 text (save the file as UTF-8)"])
        #expect(ManifestReader.read(bytes: [0xC3, 0x28], file: "f").diagnostics == [])
        #expect(ManifestReader.read(bytes: Array(Manifests.full.utf8), file: "f").keys.count == 1)
    }

    @Test func `carriage returns and a byte order mark are ignored`() throws {
        let text = "\u{FEFF}" + Manifests.full.replacing("\n", with: "\r\n")
        #expect(try Manifests.only(text) == Manifests.only(Manifests.full))
    }

    @Test func `a document full of errors ends with the first two hundred`() {
        let fields = (0..<20_000).map { "  strange\($0): 1\n" }.joined()
        let file = ManifestReader.read(Manifests.deployment() + "\n" + fields, file: "f")
        #expect(file.diagnostics.count == 200)
        #expect(file.keys.count == 1)
    }

    @Test func `an alias bomb is one diagnostic`() {
        var text = "apiVersion: mlctl.dev/v1alpha1\nkind: ModelDeployment\na0: &a0 [x, x]\n"
        for level in 1...40 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(ManifestReader.read(text, file: "f").diagnostics.count == 1)
    }

    @Test func `anchors and aliases may be used within bounds`() throws {
        let text = Manifests.deployment(
            spec: """
                rollout:
                  steps:
                  - setWeight: 10
                  - pause: &wait {duration: 10s}
                  - setWeight: 50
                  - pause: *wait
                  - setWeight: 100
                """)
        let steps = try Manifests.only(text).rollout.steps
        #expect(steps[1].action == .pause(.seconds(10)))
        #expect(steps[3].action == .pause(.seconds(10)))
    }

    @Test func `the reader accepts every text without crashing`() {
        var random = TestBytes(seed: 7)
        let full = Array(Manifests.full.utf8)
        let indicators = Array("[]{}:-&*!|>'\"%@`#,? \n\t".utf8)
        for _ in 0..<400 {
            var bytes = full
            for _ in 0..<3 {
                let position = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes.remove(at: position)
                case 1: bytes.insert(indicators[random.below(indicators.count)], at: position)
                case 2: bytes[position] = UInt8(random.below(256))
                default: bytes.removeSubrange(position..<min(position + random.below(80), bytes.count))
                }
            }
            let file = ManifestReader.read(bytes: bytes, file: "f")
            let state = DesiredState.resolve(files: [file])
            #expect(file.diagnostics == file.diagnostics.sorted())
            // The manifest is used, or has an error, or belongs to another tool.
            #expect(!state.deployments.isEmpty || !state.diagnostics.isEmpty || file.keys.isEmpty)
        }
    }
}

/// Random numbers from a seed.
private struct TestBytes {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
}

import ModelManifests
import Testing

@Suite("Programs and models of pods under a project's policy")
struct PodProgramsTests {
    /// The path and the rule of each violation by a deployment in a cluster, without repetition.
    private func violations(
        _ runtime: String, _ policy: ProjectPolicy, rest: String = "", others: [String] = []
    ) -> Set<String> {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer, namespace: risk}
            spec:
              target: {kind: kubernetes}
              model: {version: "1"}
              runtime: \(runtime)
              \(rest)
            """
        let files = ([text] + others).enumerated().map { ManifestReader.read($1, file: "m\($0).yaml") }
        let open = DesiredState.resolve(files: files)
        #expect(open.diagnostics.isEmpty, "the manifest itself is wrong: \(open.diagnostics)")
        let state = DesiredState.resolve(files: files, by: ProjectRules(project: "risk", policy: policy))
        for diagnostic in state.diagnostics {
            #expect(diagnostic.line > 0 && diagnostic.file == "m0.yaml" && diagnostic.message.contains("'risk'"))
        }
        return Set(
            state.diagnostics.map {
                "\(part($0.path)) \($0.message.split(separator: "policy '").last?.prefix { $0 != "'" } ?? "")"
            })
    }

    /// `PolicyPlacesTests` looks at the places within.
    private func part(_ path: String) -> String {
        ["spec.runtime.podTemplate", "spec.runtime.env"].first(where: path.hasPrefix) ?? path
    }

    private func pod(_ spec: String, of policy: ProjectPolicy) -> Set<String> {
        violations("{name: mlserver, podSecurity: privileged, podTemplate: {spec: {\(spec)}}}", policy)
    }

    private let deny = ProjectPolicy(commands: .deny)
    private let list = ProjectPolicy(commands: .only(["serve", "good/image:1"]))
    private let ports = "ports: [{name: http, containerPort: 80}]"

    private func runtime(_ spec: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata: {name: own, namespace: risk}
        spec: \(spec)
        """
    }

    @Test("an unchanged preset is allowed by every policy")
    func preset() throws {
        let source = try #require(ModelSourceRoot("s3://m/"))
        #expect(violations("{name: mlserver}", ProjectPolicy(commands: .deny, modelSources: [source])) == [])
        #expect(violations("{name: mlserver}", list) == [])
    }

    @Test("an image counts as a program, wherever the runtime is defined")
    func images() {
        for policy in [deny, list] {
            #expect(violations("{name: mlserver, image: evil/x}", policy) == ["spec.runtime.image commands"])
            #expect(violations("{image: evil/x, \(ports)}", policy) == ["spec.runtime.image commands"])
            let own = runtime("{image: evil/x, \(ports)}")
            #expect(violations("{name: own}", policy, others: [own]) == ["spec.runtime.name commands"])
        }
        #expect(violations("{name: mlserver, image: 'good/image:1'}", list) == [])
        #expect(violations("{image: 'good/image:1', \(ports)}", list) == [])
        #expect(violations("{name: mlserver, image: 'good/image:2'}", list) == ["spec.runtime.image commands"])
    }

    @Test("arguments and variables of a preset are checked as on one machine")
    func arguments() {
        #expect(violations("{name: mlserver, args: [x]}", deny) == ["spec.runtime.args commands"])
        let loading = "{name: mlserver, env: [{name: LD_PRELOAD, value: /x}]}"
        for policy in [deny, list] { #expect(violations(loading, policy) == ["spec.runtime.env commands"]) }
    }

    @Test("the image of a check is checked")
    func checks() {
        let policy = ProjectPolicy(commands: .only(["/opt/eval", "good/image:1"]))
        func rollout(_ image: String) -> String {
            "rollout: {gates: [{name: eval, check: {command: [/opt/eval], image: '\(image)'}}]}"
        }
        #expect(
            violations("{name: mlserver}", policy, rest: rollout("evil/x")) == ["spec.rollout.gates[0] commands"])
        #expect(violations("{name: mlserver}", policy, rest: rollout("good/image:1")) == [])
    }

    @Test(
        "the containers of a pod template are checked",
        arguments: [
            "containers: [{name: model, image: evil/x}]", "containers: [{name: model, command: null}]",
            "containers: [{name: model, workingDir: /x}]",
            "containers: [{name: model, env: [{name: PYTHONPATH, value: /x}]}]",
            "containers: [{name: model, envFrom: [{configMapRef: {name: x}}]}]",
            "containers: [{name: side, image: evil/x}]", "initContainers: [{name: side, image: evil/x}]",
            "ephemeralContainers: [{name: side, image: evil/x}]",
            "containers: [{name: side, image: 'good/image:1', env: [{name: LD_AUDIT, value: /x}]}]",
            "initContainers: [{name: storage-initializer, image: evil/x}]",
            "initContainers: [{name: fetch-model, args: [x]}]", "initContainers: [{name: verify-model, command: [x]}]",
            "containers: [{name: companion, env: [{name: A, value: b}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /opt}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /usr/lib/python3/site-packages}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /etc/ld.so.preload, subPath: x}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /mnt/../usr/bin}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /}]}]",
            "containers: [{name: side, image: 'good/image:1', volumeMounts: [{name: v, mountPath: /app}]}]",
            "initContainers: [{name: side, image: 'good/image:1', volumeMounts: [{name: v, mountPath: /bin}]}]",
        ])
    func containers(_ part: String) {
        for policy in [deny, list] { #expect(pod(part, of: policy) == ["spec.runtime.podTemplate commands"]) }
        #expect(pod(part, of: ProjectPolicy()) == [])
    }

    @Test("container fields that start no program are not checked")
    func harmless() {
        let side = "containers: [{name: side, image: 'good/image:1', args: [x]}]"
        #expect(pod(side, of: list) == [])
        #expect(pod(side, of: deny) == ["spec.runtime.podTemplate commands"])
        #expect(pod("containers: [{name: model, args: [x]}]", of: deny) == ["spec.runtime.podTemplate commands"])
        let sized = "initContainers: [{name: storage-initializer, resources: {limits: {cpu: 2}}}]"
        #expect(pod(sized, of: deny) == [])
        #expect(pod("containers: [{name: model, env: [{name: THREADS, value: '2'}]}]", of: deny) == [])
        for folder in ["/mnt/cache", "/dev/shm", "/tmp/x", "/data", "/var/run/secrets/db"] {
            let mount = "containers: [{name: model, volumeMounts: [{name: v, mountPath: \(folder)}]}]"
            for policy in [deny, list] { #expect(pod(mount, of: policy) == [], "\(folder)") }
        }
    }

    @Test(
        "anything that could replace the model files is refused",
        arguments: [
            "initContainers: [{name: storage-initializer, image: evil/x}]",
            "initContainers: [{name: fetch-model, args: [x]}]",
            "initContainers: [{name: verify-model, volumeMounts: [{name: v, mountPath: /x}]}]",
            "volumes: [{name: model, hostPath: {path: /srv}}]", "volumes: null", "initContainers: null",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /mnt/models}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /mnt//models/./a/}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /x/../mnt/models/a}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: /mnt}]}]",
            "containers: [{name: model, volumeMounts: [{name: v, mountPath: mnt/models}]}]",
            "containers: [{name: model, volumeMounts: null}]", "containers: [{name: model, workingDir: /x}]",
            "containers: [{name: model, env: [{name: MODEL_DIR, value: /x}]}]",
            "containers: [{name: side, image: x, volumeMounts: [{name: model, mountPath: /x}]}]",
            "initContainers: [{name: side, image: x, volumeMounts: [{name: model, mountPath: /x}]}]",
        ])
    func models(_ part: String) throws {
        let policy = ProjectPolicy(modelSources: [try #require(ModelSourceRoot("s3://m/"))])
        #expect(pod(part, of: policy) == ["spec.runtime.podTemplate modelSources"])
    }

    @Test(
        "variables and options by which a preset's server loads another model",
        arguments: [
            "env: [{name: MLSERVER_MODEL_URI, value: s3://evil/x}]",
            "env: [{name: MLSERVER_MODEL_PARAMETERS, value: x}]",
            "env: [{name: MLSERVER_MODEL_REPOSITORY_ROOT, value: /x}]",
            "env: [{name: VLLM_MODEL_REDIRECT_PATH, value: /x}]",
            "env: [{name: HF_ENDPOINT, value: 'https://evil'}]", "env: [{name: BENTOML_HOME, value: /x}]",
            "command: [mlserver, start, /x]",
        ])
    func loading(_ part: String) throws {
        let policy = ProjectPolicy(modelSources: [try #require(ModelSourceRoot("s3://m/"))])
        let found = violations("{name: mlserver, \(part)}", policy)
        #expect(found.count == 1 && found.first?.hasSuffix(" modelSources") == true, "\(found)")
        #expect(violations("{name: mlserver, \(part)}", ProjectPolicy()) == [])
    }

    @Test("what says nothing of where a model is, and the preset's own, stay")
    func notLoading() throws {
        let policy = ProjectPolicy(modelSources: [try #require(ModelSourceRoot("s3://m/"))])
        for part in [
            "env: [{name: MLSERVER_MODEL_MAX_BATCH_SIZE, value: '8'}]", "env: [{name: MLSERVER_DEBUG, value: 'true'}]",
            "command: [/opt/bin/mlserver, start, .]",
        ] { #expect(violations("{name: mlserver, \(part)}", policy) == [], "\(part)") }
        func vllm(_ args: String) -> Set<String> {
            violations("{name: vllm, args: [--host, $(BIND_ADDRESS), --port, $(PORT), \(args)]}", policy)
        }
        #expect(vllm("--max-model-len, '4096'") == [])
        #expect(vllm("--tokenizer, $(MODEL_DIR)/tokenizer") == [])
        for option in [
            "--model, evil/x", "--model=evil/x", "--lora-modules, a=evil/x", "--speculative_config, '{}'",
            "--tokenizer=evil/x",
            "--speculative-config.model, evil/x", "--tokeniz, evil/x", "--model, $(MODEL_DIR)/../x",
        ] { #expect(vllm(option) == ["spec.runtime.args modelSources"], "\(option)") }
    }

    @Test("a check judges the candidate, and no other model that its own variables name")
    func checkVariables() throws {
        let root = try #require(ModelSourceRoot("s3://m/"))
        func rollout(_ variable: String) -> String {
            "rollout: {gates: [{name: e, check: {command: [serve], env: [{name: \(variable), value: /x}]}}]}"
        }
        for variable in ["MODEL_DIR", "MODEL_NAME", "MLSERVER_MODEL_URI"] {
            let source = ProjectPolicy(modelSources: [root])
            #expect(
                violations("{name: mlserver}", source, rest: rollout(variable)) == [
                    "spec.rollout.gates[0] modelSources"
                ])
            #expect(violations("{name: mlserver}", list, rest: rollout(variable)) == ["spec.rollout.gates[0] commands"])
            #expect(violations("{name: mlserver}", ProjectPolicy(), rest: rollout(variable)) == [])
        }
        #expect(violations("{name: mlserver}", list, rest: rollout("THREADS")) == [])
    }

    @Test("volumes outside the model folder are not checked")
    func otherVolumes() throws {
        let policy = ProjectPolicy(modelSources: [try #require(ModelSourceRoot("s3://m/"))])
        let cache = "volumes: [{name: cache, emptyDir: {}}], containers: [{name: model, "
        #expect(pod(cache + "volumeMounts: [{name: cache, mountPath: /mnt/models-cache}]}]", of: policy) == [])
        #expect(pod("containers: [{name: side, image: x}]", of: policy) == [])
    }

    @Test(
        "values that mlctl gives a server cannot be overridden, with or without a policy",
        arguments: ["MODEL_DIR", "MODEL_NAME", "MODEL_VERSION", "PORT", "PORT_GRPC", "MLCTL_INSTANCE"])
    func facts(_ name: String) {
        for target in ["local", "kubernetes"] {
            let text = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: scorer}
                spec:
                  target: {kind: \(target)}
                  model: {version: "1"}
                  runtime: {name: mlserver, env: [{name: A, value: b}, {name: \(name), value: /x}]}
                """
            let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")])
            #expect(state.deployments.isEmpty)
            #expect(state.diagnostics.map(\.path) == ["spec.runtime.env"])
            #expect(state.diagnostics.first?.message.contains("\(name) is set by mlctl") == true)
        }
    }
}

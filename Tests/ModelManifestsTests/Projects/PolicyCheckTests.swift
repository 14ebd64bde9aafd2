import ModelManifests
import Testing

@Suite("Manifests under their project's policy")
struct PolicyCheckTests {
    private static func rules(_ policy: ProjectPolicy) -> ProjectRules {
        ProjectRules(
            project: "risk", policy: policy, commandSources: ["warehouse": "/opt/ask"], onlyCluster: "prod")
    }

    /// The violations of a policy by a manifest: the path and the rule of each.
    private func violations(
        _ spec: String, _ policy: ProjectPolicy, namespace: String = "risk", others: [String: String] = [:]
    ) -> [String] {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer, namespace: \(namespace)}
            spec:
            \(spec.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
            """
        let files = ([("m.yaml", text)] + others.map { ($0.key, $0.value) }).map {
            ManifestReader.read($0.1, file: $0.0)
        }
        let open = DesiredState.resolve(files: files)
        #expect(open.diagnostics.isEmpty, "the manifest itself is wrong: \(open.diagnostics)")
        let state = DesiredState.resolve(files: files, by: Self.rules(policy))
        let key = DeploymentKey(namespace: namespace, name: "scorer")
        let own = state.diagnostics.filter { $0.deployment == key }
        #expect((state.deployments[key] == nil) == !own.isEmpty)
        #expect(state.invalid.contains(key) == !own.isEmpty)
        for diagnostic in own {
            #expect(diagnostic.line > 0 && diagnostic.file == "m.yaml", "\(diagnostic)")
            #expect(diagnostic.message.contains("of project 'risk'"), "\(diagnostic)")
        }
        // The parts of the runtime alone: `PolicyPlacesTests` looks at the places within.
        func part(_ path: String) -> String {
            ["spec.runtime.podTemplate", "spec.runtime.env", "spec.runtime.imagePullSecrets"].first(
                where: path.hasPrefix)
                ?? path
        }
        return own.map {
            "\(part($0.path)) \($0.message.split(separator: "policy '").last?.prefix { $0 != "'" } ?? "")"
        }
        .sorted()
    }

    private let server = "model: {version: \"1\"}\nruntime: {command: [serve]}"
    private let preset = "model: {version: \"1\"}\nruntime: {name: mlserver}"
    private let pod = "target: {kind: kubernetes}\nmodel: {version: \"1\"}"

    @Test("a policy without rules refuses nothing")
    func open() {
        #expect(violations(server, ProjectPolicy()) == [])
    }

    @Test("namespaces")
    func namespaces() {
        let policy = ProjectPolicy(namespaces: [NamePattern("risk"), NamePattern("risk-*")])
        #expect(violations(server, policy) == [])
        #expect(violations(server, policy, namespace: "risk-eu") == [])
        #expect(violations(server, policy, namespace: "payments") == ["metadata.namespace namespaces"])
    }

    @Test("documents of other kinds in another project's namespace are refused too")
    func otherKinds() {
        let runtime = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ServingRuntime
            metadata: {name: own, namespace: payments}
            spec: {command: [serve]}
            """
        let state = DesiredState.resolve(
            files: [ManifestReader.read(runtime, file: "r.yaml")],
            by: Self.rules(ProjectPolicy(namespaces: [NamePattern("risk")])))
        #expect(state.diagnostics.map(\.path) == ["metadata.namespace"])
    }

    @Test("targets, with the default cluster where none is named")
    func targets() {
        let local = ProjectPolicy(targets: [TargetRule(.local)])
        let prod = ProjectPolicy(targets: [TargetRule(.kubernetes, cluster: "prod")])
        let any = ProjectPolicy(targets: [TargetRule(.kubernetes)])
        let image = "\nruntime: {image: registry/x, ports: [{name: http, containerPort: 80}]}"
        #expect(violations(server, local) == [])
        #expect(violations(server, prod) == ["spec.target targets"])
        #expect(violations(pod + image, local) == ["spec.target targets"])
        #expect(violations(pod + image, prod) == [])
        #expect(violations(pod + image, any) == [])
        let staging = "target: {kind: kubernetes, cluster: staging}\nmodel: {version: \"1\"}" + image
        #expect(violations(staging, prod) == ["spec.target targets"])
        #expect(violations(staging, any) == [])
    }

    @Test("ports of endpoints and previews")
    func ports() {
        let policy = ProjectPolicy(endpointPorts: [9000...9099])
        #expect(violations(server, policy) == [])
        #expect(violations(server + "\nendpoint: {port: 9000}", policy) == [])
        #expect(violations(server + "\nendpoint: {port: 9100}", policy) == ["spec.endpoint.port endpointPorts"])
        let preview = server + "\nendpoint: {port: 9001}\nrollout: {strategy: blueGreen, preview: {port: 8000}}"
        #expect(violations(preview, policy) == ["spec.rollout.preview.port endpointPorts"])
    }

    @Test("runtimes, by name; an inline runtime has no name")
    func runtimes() {
        let policy = ProjectPolicy(runtimes: ["mlserver", "own"])
        #expect(violations(preset, policy) == [])
        #expect(violations(server, policy) == ["spec.runtime runtimes"])
        #expect(violations("model: {version: \"1\"}\nruntime: {name: vllm}", policy) == ["spec.runtime.name runtimes"])
    }

    private static func runtime(_ name: String, _ command: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata: {name: \(name), namespace: risk}
        spec: {command: \(command)}
        """
    }

    @Test("denied commands: of manifests, of ServingRuntimes, and of one with a preset's name")
    func deniedCommands() {
        let policy = ProjectPolicy(runtimes: ["mlserver"], commands: .deny)
        #expect(violations(preset, policy) == [])
        #expect(
            violations(preset, policy, others: ["r.yaml": Self.runtime("mlserver", "[sh, -c, id]")])
                == ["spec.runtime.name commands"])
        let deny = ProjectPolicy(commands: .deny)
        #expect(
            violations(server, deny) == ["spec.runtime.name commands"]
                || violations(server, deny) == ["spec.runtime.command commands"])
        let over = "model: {version: \"1\"}\nruntime: {name: mlserver, command: [sh]}"
        #expect(violations(over, deny) == ["spec.runtime.command commands"])
        let arguments = "model: {version: \"1\"}\nruntime: {name: mlctl, args: [run, --repo, /tmp/x]}"
        #expect(violations(arguments, deny) == ["spec.runtime.args commands"])
    }

    @Test("programs by a list, compared exactly")
    func listedCommands() {
        let policy = ProjectPolicy(commands: .only(["serve", "/opt/eval"]))
        #expect(violations(server, policy) == [])
        for command in ["[/bin/serve]", "[./serve]", "[Serve]", "[\"serve \"]", "[$(X)]"] {
            #expect(
                violations("model: {version: \"1\"}\nruntime: {command: \(command)}", policy)
                    == ["spec.runtime.command commands"], "\(command)")
        }
        #expect(violations(preset, policy) == [])
    }

    @Test(
        "variables that make an allowed program load other code",
        arguments: [
            "LD_PRELOAD", "PATH", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV", "NODE_OPTIONS", "GIT_SSH_COMMAND", "HOME",
            "MLSERVER_MODEL_IMPLEMENTATION", "VLLM_PLUGINS",
        ])
    func codeLoading(_ name: String) {
        let variable = "model: {version: \"1\"}\nruntime: {name: mlserver, env: [{name: \(name), value: /tmp/x}]}"
        for commands in [ProjectPolicy.Commands.deny, .only(["serve"])] {
            #expect(violations(variable, ProjectPolicy(commands: commands)) == ["spec.runtime.env commands"])
        }
        #expect(violations(variable, ProjectPolicy()) == [])
        let harmless = variable.replacing(name, with: "THREADS")
        #expect(violations(harmless, ProjectPolicy(commands: .deny)) == [])
    }

    @Test("check gates, also from templates and in steps, and sources that run a command")
    func gates() {
        func rollout(_ gate: String) -> String { preset + "\nrollout: {gates: [\(gate)]}" }
        let deny = ProjectPolicy(commands: .deny)
        let check = "{name: eval, check: {command: [/opt/eval]}}"
        #expect(violations(rollout(check), deny) == ["spec.rollout.gates[0] commands"])
        #expect(violations(rollout(check), ProjectPolicy(commands: .only(["/opt/eval"]))) == [])
        #expect(
            violations(rollout(check), ProjectPolicy(commands: .only(["/opt/other"]))) == [
                "spec.rollout.gates[0] commands"
            ])
        let loading = "{name: eval, check: {command: [/opt/eval], env: [{name: LD_PRELOAD, value: x}]}}"
        #expect(
            violations(rollout(loading), ProjectPolicy(commands: .only(["/opt/eval"]))) == [
                "spec.rollout.gates[0] commands"
            ])
        let template = """
            apiVersion: mlctl.dev/v1alpha1
            kind: GateTemplate
            metadata: {name: eval, namespace: risk}
            spec: {check: {command: [/opt/eval]}}
            """
        #expect(
            violations(rollout("{name: mine, template: eval}"), deny, others: ["t.yaml": template])
                == ["spec.rollout.gates[0] commands"])
        let asked = "{name: revenue, threshold: {source: warehouse, query: revenue, min: 1}}"
        #expect(violations(rollout(asked), deny) == ["spec.rollout.gates[0] commands"])
        #expect(violations(rollout(asked), ProjectPolicy(commands: .only(["/opt/ask"]))) == [])
        for quantity in [
            "ratio: {source: warehouse, of: a, per: b}", "mean: {source: warehouse, of: a, per: b, max: 9}",
        ] {
            let compared = rollout("{name: revenue, compare: {\(quantity)}}")
            #expect(violations(compared, deny) == ["spec.rollout.gates[0] commands"], "\(quantity)")
            #expect(violations(compared, ProjectPolicy(commands: .only(["/opt/ask"]))) == [])
        }
        let prometheus = "{name: revenue, threshold: {source: prometheus, query: revenue, min: 1}}"
        #expect(violations(rollout(prometheus), deny) == [])
    }

    @Test("model sources")
    func models() throws {
        let root = try #require(ModelSourceRoot("file:/srv/models/risk/"))
        let policy = ProjectPolicy(modelSources: [root])
        func model(_ uri: String) -> String { "model: {storageUri: \"\(uri)\"}\nruntime: {name: mlserver}" }
        #expect(violations(model("file:///srv/models/risk/1"), policy) == [])
        for uri in [
            "file:/etc/shadow", "file:/srv/models/risk/../../../etc/shadow", "file:///proc/self/environ",
            "https://x.example.com/m",
        ] {
            #expect(violations(model(uri), policy) == ["spec.model.storageUri modelSources"], "\(uri)")
        }
        #expect(violations(preset, policy) == [])
    }

    @Test("secrets, in every field that can name one")
    func secrets() {
        let policy = ProjectPolicy(secrets: ["payments-db"])
        func env(_ name: String) -> String {
            "model: {version: \"1\"}\nruntime: {command: [serve], env: [{name: DB, valueFrom: {secret: \(name)}}]}"
        }
        #expect(violations(env("payments-db"), policy) == [])
        #expect(violations(env("other"), policy) == ["spec.runtime.env secrets"])
        #expect(violations(env("other"), ProjectPolicy(secrets: [])) == ["spec.runtime.env secrets"])
        let check =
            "\nrollout: {gates: [{name: e, check: {command: [x], env: [{name: A, valueFrom: {secret: other}}]}}]}"
        #expect(violations(server + check, policy) == ["spec.rollout.gates[0] secrets"])
        func cluster(_ runtime: String) -> [String] {
            violations(
                pod
                    + "\nruntime: {image: x, ports: [{name: http, containerPort: 80}], podSecurity: privileged, \(runtime)}",
                policy)
        }
        #expect(cluster("imagePullSecrets: [other]") == ["spec.runtime.imagePullSecrets secrets"])
        for part in [
            "volumes: [{name: a, secret: {secretName: other}}]",
            "volumes: [{name: a, projected: {sources: [{secret: {name: other}}]}}]",
            "volumes: [{name: a, csi: {driver: d, nodePublishSecretRef: {name: other}}}]",
            "volumes: [{name: a, azureFile: {shareName: s, secretName: other}}]",
            "volumes: [{name: a, cephfs: {monitors: [m], secretRef: {name: other}}}]",
            "imagePullSecrets: [{name: other}]", "containers: [{name: model, envFrom: [{secretRef: {name: other}}]}]",
            "containers: [{name: model, env: [{name: A, valueFrom: {secretKeyRef: {name: other, key: k}}}]}]",
            "initContainers: [{name: i, image: x, envFrom: [{secretRef: {name: other}}]}]",
        ] {
            #expect(cluster("podTemplate: {spec: {\(part)}}") == ["spec.runtime.podTemplate secrets"], "\(part)")
        }
    }

    @Test("service accounts, the level of pods, and programs of containers")
    func pods() {
        func cluster(_ runtime: String, _ policy: ProjectPolicy) -> [String] {
            violations(pod + "\nruntime: {name: mlserver, \(runtime)}", policy)
        }
        let accounts = ProjectPolicy(serviceAccounts: ["serving"])
        #expect(cluster("serviceAccountName: serving", accounts) == [])
        #expect(cluster("serviceAccountName: admin", accounts) == ["spec.runtime.serviceAccountName serviceAccounts"])
        for field in ["serviceAccountName", "serviceAccount"] {
            #expect(
                cluster("podTemplate: {spec: {\(field): admin}}", accounts) == [
                    "spec.runtime.podTemplate serviceAccounts"
                ])
        }
        #expect(
            cluster("podSecurity: privileged", ProjectPolicy(podSecurity: .baseline)) == [
                "spec.runtime.podSecurity podSecurity"
            ])
        #expect(cluster("podSecurity: baseline", ProjectPolicy(podSecurity: .baseline)) == [])
        #expect(
            cluster("podSecurity: baseline", ProjectPolicy(podSecurity: .restricted)) == [
                "spec.runtime.podSecurity podSecurity"
            ])
        #expect(cluster("podSecurity: restricted", ProjectPolicy(podSecurity: .baseline)) == [])
        for part in [
            "containers: [{name: model, command: [sh]}]", "containers: [{name: s, image: x, command: [sh]}]",
            "initContainers: [{name: i, image: x, command: [sh]}]",
            "containers: [{name: model, livenessProbe: {exec: {command: [sh]}}}]",
            "containers: [{name: model, readinessProbe: {exec: {command: [sh]}}}]",
            "containers: [{name: model, startupProbe: {exec: {command: [sh]}}}]",
            "containers: [{name: model, lifecycle: {preStop: {exec: {command: [sh]}}}}]",
            "containers: [{name: model, lifecycle: {postStart: {exec: {command: [sh]}}}}]",
        ] {
            #expect(
                Set(cluster("podSecurity: privileged, podTemplate: {spec: {\(part)}}", ProjectPolicy(commands: .deny)))
                    == ["spec.runtime.podTemplate commands"], "\(part)")
        }
    }

    @Test("requests above the project's limits, and missing limits where the project has one")
    func limits() {
        let policy = ProjectPolicy(
            limits: ProjectLimits(replicas: 3, resources: ResourceAmounts(memoryBytes: 4 << 30)))
        #expect(violations(server, policy) == ["spec.resources limits"])
        let sized = server + "\nresources: {limits: {memory: 1Gi}}"
        #expect(violations(sized, policy) == [])
        #expect(violations(sized + "\nreplicas: 4", policy) == ["spec limits"])
        let cores = ProjectPolicy(limits: ProjectLimits(resources: ResourceAmounts(cpuMillicores: 4000)))
        #expect(violations(sized, cores) == ["spec.resources limits"])
        #expect(violations(server + "\nresources: {limits: {cpu: 2}}", cores) == [])
        let external = "target: {kind: kubernetes}\nreplicas: external\n" + preset
        for limits in [ProjectLimits(replicas: 9), ProjectLimits(resources: ResourceAmounts(extended: ["a.b/c": 1]))] {
            #expect(violations(external, ProjectPolicy(limits: limits)) == ["spec.replicas limits"])
        }
        #expect(violations(external, ProjectPolicy(limits: ProjectLimits(deployments: 9))) == [])
    }

    @Test("all violations are reported at once")
    func all() throws {
        let policy = ProjectPolicy(
            namespaces: [NamePattern("risk")], endpointPorts: [9000...9000], commands: .deny,
            modelSources: [try #require(ModelSourceRoot("s3://m/"))])
        let spec = "model: {storageUri: \"file:/a\"}\nruntime: {command: [sh]}\nendpoint: {port: 9001}"
        #expect(violations(spec, policy, namespace: "other").count == 4)
    }
}

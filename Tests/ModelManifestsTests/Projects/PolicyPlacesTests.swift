import Testing

@testable import ModelManifests

@Suite("Where a policy's refusals stand")
struct PolicyPlacesTests {
    private static let policy = ProjectPolicy(
        commands: .only(["serve", "x"]), modelSources: ModelSourceRoot("s3://m/").map { [$0] }, secrets: ["mine"],
        serviceAccounts: ["serving"], podSecurity: .privileged)

    private func found(_ runtime: String, others: [String] = []) -> [String] {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer, namespace: risk}
            spec:
              target: {kind: kubernetes}
              model: {version: "1"}
              runtime:
            \(runtime.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
            """
        let files = ([text] + others).enumerated().map { ManifestReader.read($1, file: "m\($0).yaml") }
        let open = DesiredState.resolve(files: files)
        #expect(open.diagnostics.isEmpty, "\(open.diagnostics)")
        let rules = ProjectRules(project: "risk", policy: Self.policy)
        return DesiredState.resolve(files: files, by: rules).diagnostics.map {
            "\($0.file):\($0.line):\($0.column) \($0.path)"
        }
    }

    @Test("each at its own key or entry, however deep it is in the pod template")
    func template() {
        let found = found(
            """
            name: mlserver
            podSecurity: privileged
            podTemplate:
              spec:
                serviceAccountName: admin
                imagePullSecrets:
                - name: theirs
                volumes:
                - name: a
                  secret:
                    secretName: theirs
                containers:
                - name: model
                  env:
                  - {name: A, value: b}
                  - name: LD_PRELOAD
                    value: /x
                  lifecycle:
                    preStop:
                      exec:
                        command:
                        - sh
                  volumeMounts:
                  - {name: a, mountPath: /usr}
            """)
        let template = "spec.runtime.podTemplate.spec"
        #expect(
            found == [
                "m0.yaml:12:9 \(template).serviceAccountName", "m0.yaml:14:11 \(template).imagePullSecrets[0].name",
                "m0.yaml:18:13 \(template).volumes[0].secret.secretName",
                "m0.yaml:23:13 \(template).containers[0].env[1]",
                "m0.yaml:29:19 \(template).containers[0].lifecycle.preStop.exec.command[0]",
                "m0.yaml:31:13 \(template).containers[0].volumeMounts[0]",
            ])
    }

    @Test("a variable, a secret of it and an image at their entries")
    func runtime() {
        let found = found(
            """
            name: mlserver
            image: evil/x
            imagePullSecrets: [mine, theirs]
            env:
            - {name: A, value: b}
            - name: DB
              valueFrom: {secret: theirs}
            """)
        #expect(
            found == [
                "m0.yaml:9:5 spec.runtime.image", "m0.yaml:10:30 spec.runtime.imagePullSecrets[1]",
                "m0.yaml:13:7 spec.runtime.env[1]",
            ])
    }

    @Test("what a ServingRuntime says stands at its name, and the message says where that is")
    func inherited() {
        let runtime = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ServingRuntime
            metadata: {name: own, namespace: risk}
            spec:
              image: x
              ports: [{name: http, containerPort: 80}]
              podTemplate: {spec: {serviceAccountName: admin}}
            """
        let files = found("name: own", others: [runtime])
        #expect(files == ["m0.yaml:8:11 spec.runtime.name"])
    }
}

@Suite("A revision against a policy, without its manifest")
struct RevisionPolicyTests {
    private func deployment(_ runtime: String) throws -> ModelDeployment {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer, namespace: risk}
            spec: {target: {kind: kubernetes}, model: {version: "1"}, runtime: \(runtime)}
            """
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")])
        return try #require(state.deployments.values.first, "\(state.diagnostics)")
    }

    @Test(
        "it is held to the same rules as its manifest was",
        arguments: [
            "{name: mlserver}", "{name: mlserver, image: evil/x}", "{name: mlserver, args: [x]}",
            "{name: mlserver, command: [sh, start, .]}", "{name: mlserver, env: [{name: LD_PRELOAD, value: x}]}",
            "{name: mlserver, env: [{name: A, value: x}]}", "{image: evil/x, ports: [{name: http, containerPort: 80}]}",
            "{name: mlserver, podTemplate: {spec: {containers: [{name: model, image: evil/x}]}}}",
        ])
    func same(_ runtime: String) throws {
        let deployment = try deployment(runtime)
        for commands in [ProjectPolicy.Commands.any, .deny, .only(["serve"])] {
            let rules = ProjectRules(project: "risk", policy: ProjectPolicy(commands: commands, secrets: []))
            let text = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: scorer, namespace: risk}
                spec: {target: {kind: kubernetes}, model: {version: "1"}, runtime: \(runtime)}
                """
            let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")], by: rules)
            #expect((rules.problem(of: deployment) == nil) == state.diagnostics.isEmpty, "\(state.diagnostics)")
            if let problem = rules.problem(of: deployment), let said = state.diagnostics.first {
                #expect(problem.contains("policy 'commands' of project 'risk'"))
                #expect(problem.hasPrefix(said.path.prefix { $0 != "[" }.prefix(12)), "\(problem)")
            }
        }
    }

    @Test("limits are for what is new: what runs is not outside of them")
    func limits() throws {
        let rules = ProjectRules(
            project: "risk",
            policy: ProjectPolicy(limits: ProjectLimits(replicas: 1, resources: ResourceAmounts(cpuMillicores: 1))))
        #expect(rules.problem(of: try deployment("{name: mlserver}")) == nil)
    }

    @Test("roots read plainly and roots read in full agree", arguments: UInt64(1)...20)
    func roots(seed: UInt64) throws {
        var state = seed
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        let parts = ["a", "b", ".", "..", "%2e", "%2E%2E", "//", "/", "\\", "?x", "#y", "a.b", "@", ":443", " ", "m"]
        let roots = [
            "s3://m/", "https://h.example/a/", "file:/srv/models/", "https://h.example:443/", "s3://m", "pvc://c/a/b/",
        ]
        .compactMap(ModelSourceRoot.init)
        let all = ModelSourceRoots(roots)
        for _ in 0..<500 {
            let start = roots[next(roots.count)].description
            let uri =
                start + (0..<next(5)).map { _ in parts[next(parts.count)] }.joined(separator: next(2) == 0 ? "/" : "")
            #expect(all.contains(uri) == roots.contains { $0.contains(uri) }, "seed \(seed): \(uri)")
        }
    }
}

import ModelManifests
import Testing

@Suite("Projects in the settings file")
struct ProjectSettingsTests {
    private func read(_ text: String, clusters: [String] = ["prod"]) -> ProjectSettings {
        ProjectSettings(reading: text, file: "mlctl.yaml", clusters: clusters)
    }

    /// The policy of one project, as text.
    private func problems(_ policy: String, clusters: [String] = ["prod"]) -> [String] {
        let indented = policy.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
        return read("projects:\n- name: risk\n  repo: /r\n  policy:\n\(indented)\n", clusters: clusters).diagnostics
            .map(\.description)
    }

    private func expect(_ wanted: String, of policy: String) {
        let found = problems(policy)
        #expect(found.contains { $0.contains(wanted) }, "\(found)")
    }

    @Test("how rollbacks are written back is read, and only a branch can be written to")
    func writeBack() throws {
        let settings = read(
            """
            projects:
            - name: risk
              repo: /r
              writeBack: {mode: push, author: "M <m@example.org>", signingKeyFile: /k}
            - {name: ads, repo: /a, ref: {tag: v3}, writeBack: {mode: branch}}
            - {name: bot, repo: /b, writeBack: {mode: pullRequest}}
            - {name: who, repo: /w, writeBack: {mode: branch, author: nobody}}
            """)
        #expect(
            settings.projects.first?.writeBack
                == WriteBack(mode: .push, author: "M <m@example.org>", signingKeyFile: "/k"))
        let said = settings.diagnostics.map(\.description)
        #expect(said.count == 3, "\(said)")
        #expect(said.contains { $0.contains("needs a ref that is a branch") })
        #expect(said.contains { $0.contains("'pullRequest' is not available in this version") })
        #expect(said.contains { $0.contains("must be 'NAME <ADDRESS>'") })
    }

    @Test("whose signature commits need is read, from one kind of file, and a push of mlctl must meet it too")
    func verify() {
        let settings = read(
            """
            projects:
            - {name: risk, repo: /r, verify: {commits: signed, allowedSigners: /etc/signers}}
            - {name: ads, repo: /a, verify: {commits: signed, gpgKeyring: /etc/keyring}}
            - {name: two, repo: /b, verify: {commits: signed, gpgKeyring: /k, allowedSigners: /s}}
            - {name: none, repo: /n, verify: {commits: signed}}
            - {name: all, repo: /w, verify: {commits: some, allowedSigners: /s}}
            - {name: push, repo: /p, verify: {commits: signed, allowedSigners: /s}, writeBack: {mode: push}}
            - name: signs
              repo: /s
              verify: {commits: signed, allowedSigners: /s}
              writeBack: {mode: push, signingKeyFile: /k}
            """)
        #expect(settings.projects.first?.verify?.keys == .allowedSigners("/etc/signers"))
        #expect(settings.projects.dropFirst().first?.verify?.keys == .gpgKeyring("/etc/keyring"))
        let said = settings.diagnostics.map(\.description)
        #expect(said.count == 4, "\(said)")
        #expect(said.contains { $0.contains("would push commits that 'verify' does not accept") })
    }

    @Test("every field of the annotated example is read")
    func whole() throws {
        let settings = read(
            """
            projects:
            - name: risk
              repo: https://git.example.com/risk/models.git
              ref: {semver: ">=1.2 <2"}
              path: deploy
              credentialsFile: /etc/mlctl/risk-token
              policy:
                namespaces: [risk, "risk-*"]
                targets: [{kind: local}, {kind: kubernetes, cluster: prod}]
                endpointPorts: 9000-9099
                runtimes: [mlserver, vllm]
                commands: deny
                modelSources: ["s3://models-risk/", "https://models.example.com/", "file:/srv/models/risk/"]
                secrets: [payments-db]
                serviceAccounts: [serving]
                podSecurity: restricted
                limits: {deployments: 50, replicas: 20, cpu: "64", memory: 256Gi, nvidia.com/gpu: "8"}
            - {name: ads, repo: /srv/git/ads, ref: {tag: v3}, policy: {commands: [/usr/bin/python3], endpointPorts: [8000, 8010-8019]}}
            """)
        #expect(settings.diagnostics.isEmpty, "\(settings.diagnostics)")
        let risk = try #require(settings.projects.first)
        #expect(risk.reference == .semver(">=1.2 <2"))
        #expect(risk.path == "deploy")
        #expect(risk.credentialsFile == "/etc/mlctl/risk-token")
        #expect(risk.policy.namespaces?.map(\.description) == ["risk", "risk-*"])
        #expect(risk.policy.targets == [TargetRule(.local), TargetRule(.kubernetes, cluster: "prod")])
        #expect(risk.policy.endpointPorts == [9000...9099])
        #expect(risk.policy.runtimes == ["mlserver", "vllm"])
        #expect(risk.policy.commands == .deny)
        #expect(risk.policy.modelSources?.count == 3)
        #expect(risk.policy.secrets == ["payments-db"])
        #expect(risk.policy.serviceAccounts == ["serving"])
        #expect(risk.policy.podSecurity == .restricted)
        #expect(
            risk.policy.limits
                == ProjectLimits(
                    deployments: 50, replicas: 20,
                    resources: ResourceAmounts(
                        cpuMillicores: 64_000, memoryBytes: 256 << 30, extended: ["nvidia.com/gpu": 8])))
        let ads = try #require(settings.projects.last)
        #expect(ads.policy.commands == .only(["/usr/bin/python3"]))
        #expect(ads.policy.endpointPorts == [8000...8000, 8010...8019])
        #expect(ads.policy.missingWalls == ["namespaces", "targets", "modelSources", "secrets", "podSecurity"])
        #expect(!ProjectPolicy(targets: [TargetRule(.local)]).missingWalls.contains("podSecurity"), "it has no pods")
    }

    @Test("an empty list denies all commands, and only 'any' allows them all")
    func commands() {
        func commands(_ text: String) -> ProjectPolicy.Commands? {
            read("projects:\n- {name: a, repo: /r, policy: {commands: \(text)}}").projects.first?.policy.commands
        }
        #expect(commands("[]") == .deny)
        #expect(commands("deny") == .deny)
        #expect(commands("any") == .any)
    }

    @Test("settings without projects are valid and define none")
    func none() {
        #expect(read("tokenFile: /t\n").projects.isEmpty)
        #expect(read("tokenFile: /t\n").diagnostics.isEmpty)
        #expect(read("").diagnostics.isEmpty)
    }

    @Test(
        "a policy that allows nothing is an error, with its place",
        arguments: [
            ("namespaces: []", "mlctl.yaml:5:17: projects[0].policy.namespaces: is empty"),
            ("targets: []", "mlctl.yaml:5:14: projects[0].policy.targets: is empty"),
            ("runtimes: []", "mlctl.yaml:5:15: projects[0].policy.runtimes: is empty"),
            ("modelSources: []", "mlctl.yaml:5:19: projects[0].policy.modelSources: is empty"),
            ("endpointPorts: []", "projects[0].policy.endpointPorts: is empty"),
            ("endpointPorts: 9099-9000", "9099 is above 9000"), ("endpointPorts: 20000-20100", "contains no port"),
            ("limits: {deployments: 0}", "is too small, so it allows nothing"), ("limits: {cpu: 0}", "is too small"),
            ("modelSources: ['hf:org/']", "projects[0].policy.modelSources[0]: 'hf:org/' names no organization"),
            ("modelSources: ['pvc:claim/']", "names no claim"), ("modelSources: ['oci:host/x/']", "names no registry"),
            ("modelSources: ['s3:bucket/']", "names no bucket"), ("modelSources: ['https:///x']", "names no host"),
            ("modelSources: ['https://*.example.com/']", "contains a '*'"),
            ("modelSources: ['s3://b/*']", "contains a '*'"),
            ("modelSources: ['pvc://Claim_1/']", "is not the name of a claim"),
            ("secrets: [a/b]", "projects[0].policy.secrets[0]: 'a/b' is not the name of a secret"),
            ("secrets: ['..']", "is not the name of a secret"), ("secrets: ['../x']", "is not the name of a secret"),
            ("limits: {memory: 0}", "is too small"), ("limits: {replicas: 0}", "is too small"),
        ])
    func allowsNothing(_ policy: String, _ wanted: String) {
        expect(wanted, of: policy)
    }

    @Test("lists of ports and programs that are too long are errors: no entry is dropped silently")
    func tooLong() {
        let ports = (0...100).map { "\(9000 + $0)" }.joined(separator: ", ")
        expect("has 101 entries; at most 100 are allowed", of: "endpointPorts: [\(ports)]")
        let programs = (0...500).map { "/opt/p\($0)" }.joined(separator: ", ")
        expect("has 501 entries; at most 500 are allowed", of: "commands: [\(programs)]")
    }

    @Test(
        "a policy that contradicts itself is an error",
        arguments: [
            ("targets: [{kind: kubernetes}]\nendpointPorts: 9000-9001", "is about this machine"),
            ("targets: [{kind: local}]\nserviceAccounts: [a]", "is about clusters"),
            ("targets: [{kind: local}]\npodSecurity: baseline", "is about clusters"),
            ("targets: [{kind: kubernetes}]\nmodelSources: ['file:/srv/']", "contains only folders of this machine"),
            ("targets: [{kind: local, cluster: prod}]", "can only be used with kind: kubernetes"),
            ("targets: [{kind: local}]\nruntimes: [own]\ncommands: deny", "denies every command"),
            ("namespaces: [a, a]", "is given twice"), ("secrets: [x, x]", "is given twice"),
        ])
    func contradictions(_ policy: String, _ wanted: String) {
        expect(wanted, of: policy)
    }

    @Test(
        "unknown fields and values are errors, with a suggestion",
        arguments: [
            ("runtimes: [mlservr]", "did you mean 'mlserver'?"), ("namespace: [a]", "did you mean 'namespaces'?"),
            ("targets: [{kind: kubernetes, cluster: prd}]", "did you mean 'prod'?"),
            ("podSecurity: strict", "unknown level"),
            ("limits: {replica: 3}", "did you mean 'replicas'?"), ("limits: {gpu: 3}", "unknown limit 'gpu'"),
            ("modelSources: ['ftp://x/']", "is unknown"), ("modelSources: ['http://x/']", "is not encrypted"),
            ("modelSources: [models]", "is not a place"), ("namespaces: [Risk]", "matches no namespace"),
            ("commands: none", "must be deny, any, or a list"), ("endpointPorts: 0-10", "must be ports"),
            ("endpointPorts: http", "must be ports"), ("limits: {cpu: lots}", "is not a quantity"),
        ])
    func unknown(_ policy: String, _ wanted: String) {
        expect(wanted, of: policy)
    }

    @Test("a ServingRuntime whose name begins with a preset's name may be listed")
    func similarNames() {
        #expect(problems("runtimes: [vllm2, gpu-mlserver, triton]").isEmpty)
    }

    @Test("projects that overlap are errors")
    func doubles() {
        func texts(_ text: String) -> [String] { read(text).diagnostics.map(\.message) }
        #expect(
            texts("projects:\n- {name: a, repo: /r}\n- {name: a, repo: /s}").first?.contains("two projects are named")
                == true)
        #expect(
            texts("projects:\n- {name: a, repo: /r, path: x/}\n- {name: b, repo: /r, path: ./x}").first?
                .contains("reads the same manifests") == true)
        #expect(texts("projects:\n- {name: a, repo: /r, path: x}\n- {name: b, repo: /r, path: y}").isEmpty)
        #expect(texts("projects:\n- {name: a, repo: /r}\n- {name: b, repo: /r, ref: {branch: next}}").isEmpty)
        #expect(texts("projects: []").first?.contains("at least 1") == true)
        #expect(texts("projects:\n- {repo: /r}").first == "is missing")
        #expect(
            texts("projects:\n- {name: a, repo: /r, ref: {branch: a, tag: b}}").first?.contains("exactly one") == true)
        #expect(texts("projects:\n- {name: a, repo: /r, ref: {commit: abc}}").first?.contains("full commit id") == true)
        let both = "projects:\n- {name: a, repo: /r, tokenFile: a, credentialsFile: b}"
        #expect(texts(both).first?.contains("only one") == true)
        #expect(texts("projects:\n- {name: a, repo: 'https://u:p@h/r'}").first?.contains("before the '@'") == true)
        for repo in ["https://token@h/r", "ssh://git:pw@h/r", "https://@h/r"] {
            let said = texts("projects:\n- {name: a, repo: '\(repo)'}")
            #expect(
                said.first?.contains("before the '@'") == true && said.first?.contains("token@") == false, "\(said)")
        }
        #expect(texts("projects:\n- {name: a, repo: 'ssh://git@h/r'}").isEmpty)
        #expect(texts("projects:\n- {name: a, repo: /r}\nprojects: []").contains { $0.contains("given twice") })
    }
}

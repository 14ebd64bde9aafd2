import ModelManifests
import Testing

@Suite("Who may reach an endpoint, under a project's policy")
struct PolicyCheckEndpointTests {
    private func said(_ endpoint: String, _ policy: ProjectPolicy) -> [String] {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: m}
            spec:
              model: {version: "1"}
              runtime: {command: [serve]}
              endpoint:
            \(endpoint.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
            """
        return DesiredState.resolve(
            files: [ManifestReader.read(text, file: "m.yaml")], by: ProjectRules(project: "risk", policy: policy)
        ).diagnostics.map(\.description)
    }

    @Test("another address than the loopback needs a rule, even where there is no policy")
    func addresses() {
        #expect(said("address: 127.0.0.1", ProjectPolicy()) == [])
        let open = said("port: 9000\naddress: 0.0.0.0", ProjectPolicy())
        #expect(
            open == [
                "m.yaml:9:14: spec.endpoint.address: the project may not listen on 0.0.0.0, which other machines can reach "
                    + "(policy 'endpointAddresses' of project 'risk') (allowed: 127.0.0.1)"
            ], "\(open)")
        let policy = ProjectPolicy(endpointAddresses: ["10.0.0.7"])
        #expect(said("address: 10.0.0.7", policy) == [])
        #expect(said("address: 10.0.0.8", policy).count == 1)
        #expect(said("address: '::1'", policy) == [])
    }

    @Test("files are below the project's folders")
    func files() {
        let tls = "tls: {certificateFile: /etc/mlctl/tls/a/tls.crt, keyFile: /etc/mlctl/tls/a/tls.key}"
        #expect(said(tls, ProjectPolicy()) == [])
        let roots = ["file:/etc/mlctl/tls/"].compactMap(ModelSourceRoot.init)
        #expect(said(tls, ProjectPolicy(endpointFiles: roots)) == [])
        let others = ["file:/etc/mlctl/tls/b/", "file:/etc/mlctl/tl"].compactMap(ModelSourceRoot.init)
        let refused = said(tls, ProjectPolicy(endpointFiles: others))
        #expect(refused.count == 2)
        #expect(
            refused.first?.contains(
                "spec.endpoint.tls.certificateFile: '/etc/mlctl/tls/a/tls.crt' is not below any of the project's folders"
            )
                == true, "\(refused)")
    }

    @Test("the rules are read from the settings")
    func settings() throws {
        func read(_ policy: String) -> ProjectSettings {
            ProjectSettings(reading: "projects:\n- {name: a, repo: /r, policy: {\(policy)}}", file: "mlctl.yaml")
        }
        let good = read("endpointAddresses: [0.0.0.0, '::'], endpointFiles: [/etc/mlctl/tls/]")
        #expect(good.diagnostics.isEmpty, "\(good.diagnostics)")
        let policy = try #require(good.projects.first?.policy)
        #expect(policy.endpointAddresses == ["0.0.0.0", "::"])
        #expect(policy.endpointFiles?.map(\.folder) == ["/etc/mlctl/tls"])
        for wrong in [
            "endpointAddresses: [localhost]", "endpointAddresses: []", "endpointFiles: [tls]",
            "targets: [{kind: kubernetes}], endpointFiles: [/etc/tls]", "endpointAddresses: [0.0.0.0, 0.0.0.0]",
        ] {
            #expect(!read(wrong).diagnostics.isEmpty, "\(wrong)")
        }
    }
}

import Foundation
import ModelManifests
import TestSupport
import Testing

/// Several projects with one controller: real git, real processes.
@Suite("Projects", .serialized)
struct ProjectTests {
    private static func manifest(_ name: String, namespace: String, version: String = "1", extra: String = "") -> String
    {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: \(namespace)}
        spec:
          model: {version: "\(version)"}
          runtime:
            command: [python3, -c, "import http.server, os; http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler).serve_forever()"]
            probes: {readiness: {tcpSocket: {}, periodSeconds: 0.2}}
          rollout: {steps: [{setWeight: 100}], gates: []}
        \(extra)
        """
    }

    /// Two projects in one repository: `risk` may start python3 in its namespaces, `ads` may do everything.
    private func settings(_ installation: Installation, risk: String = "") throws -> URL {
        let file = installation.folder.appending(path: "mlctl.yaml")
        let repo = installation.repo.path(percentEncoded: false)
        try """
        projects:
        - name: risk
          repo: \(repo)
          path: risk
          policy:
            namespaces: [risk, "risk-*"]
            targets: [{kind: local}]
            commands: [python3]
            limits: {deployments: 2}
        \(risk)
        - name: ads
          repo: \(repo)
          path: ads
        """.write(to: file, atomically: true, encoding: .utf8)
        return file
    }

    @Test("each gets what its policy allows, gets an error for what it does not allow, and disturbs no other project")
    func policies() async throws {
        try await withInstallation { installation in
            let settings = try settings(installation)
            try installation.commit([
                "risk/fraud.yaml": Self.manifest("fraud", namespace: "risk"),
                "ads/rank.yaml": Self.manifest("rank", namespace: "ads"),
            ])
            try await installation.start(settings: settings)
            try await installation.wait("fraud", for: "risk serves") { $0.phase == .healthy && $0.project == "risk" }
            try await installation.wait("rank", for: "ads serves") { $0.phase == .healthy && $0.project == "ads" }

            // Outside its namespaces, with another program, with a name that another project owns, and one too many.
            try installation.commit([
                "risk/stranger.yaml": Self.manifest("stranger", namespace: "ads"),
                "risk/shell.yaml": Self.manifest("shell", namespace: "risk").replacing("[python3,", with: "[/bin/sh,"),
                "ads/fraud.yaml": Self.manifest("fraud", namespace: "risk", version: "2"),
                "risk/one.yaml": Self.manifest("one", namespace: "risk-eu"),
                "risk/two.yaml": Self.manifest("two", namespace: "risk-eu"),
            ])
            let synced = try installation.mlctl("sync")
            #expect(synced.status == 0, "\(synced.error)")
            for expected in [
                "risk/stranger.yaml:3:39: metadata.namespace: the project may not use namespace 'ads' (policy 'namespaces' of project 'risk')",
                "(policy 'commands' of project 'risk')", "risk/fraud belongs to project 'risk', which had it first",
                "project 'risk' has no room for it (policy 'limits'): deployments: 3 of 2",
            ] {
                #expect(synced.error.replacing(/\s+/, with: " ").contains(expected), "\(expected)\n\(synced.error)")
            }
            try await installation.wait("one", for: "what fits is served") { $0.phase == .healthy }
            let table = try installation.mlctl("status")
            #expect(table.output.contains("PROJECT"), "\(table.output)")
            let fraud = try #require(try await installation.status("fraud"))
            #expect(fraud.phase == .healthy && fraud.stable?.version == "1")
            let own = try installation.mlctl("status", "--project", "ads", "-o", "json")
            #expect(own.output.contains("rank") && !own.output.contains("\"risk-eu\""), "\(own.output)")
            let events = try installation.mlctl("events", "--project", "ads")
            #expect(events.output.contains("ads/rank") && !events.output.contains("risk/fraud"), "\(events.output)")
        }
    }

    @Test("a stricter policy stops nothing: what serves continues, and changes are held")
    func stricter() async throws {
        try await withInstallation { installation in
            try installation.commit(["risk/fraud.yaml": Self.manifest("fraud", namespace: "risk")])
            try await installation.start(settings: try settings(installation))
            let before = try await installation.wait("fraud", for: "it serves") { $0.phase == .healthy }
            try installation.stopController()
            let strict = try settings(installation, risk: "    runtimes: [mlserver]")
            try await installation.start(settings: strict)
            try await installation.wait("fraud", for: "it is reported") {
                $0.message.contains("policy 'runtimes' of project 'risk'")
            }
            try installation.commit(["risk/fraud.yaml": Self.manifest("fraud", namespace: "risk", version: "2")])
            _ = try installation.mlctl("sync")
            let after = try #require(try await installation.status("fraud"))
            #expect(after.phase == .healthy && after.stable?.version == "1" && after.endpoint == before.endpoint)
        }
    }

    @Test("validate and plan report policy violations before the commit")
    func beforehand() throws {
        let installation = try Installation()
        defer { try? installation.close() }
        let settings = try settings(installation).path(percentEncoded: false)
        try installation.commit(["m.yaml": Self.manifest("m", namespace: "ads")])
        let file = installation.repo.appending(path: "m.yaml").path(percentEncoded: false)
        for command in ["validate", "plan"] {
            let offline = command == "plan" ? ["--offline"] : []
            let refused = try installation.run([command, file, "--project", "risk", "--config", settings] + offline)
            #expect(refused.status == 2, "\(refused.output)")
            #expect((refused.output + refused.error).contains("policy 'namespaces' of project 'risk'"), "\(refused)")
            let allowed = try installation.run([command, file, "--project", "ads", "--config", settings] + offline)
            #expect(allowed.status == 0, "\(allowed.error)")
        }
        let unknown = try installation.mlctl("validate", file, "--project", "rsk", "--config", settings)
        #expect(unknown.status == 64 || unknown.status == 2)
        #expect(unknown.error.contains("did you mean 'risk'?"), "\(unknown.error)")
    }

    @Test("invalid settings are errors at the start, with their place")
    func wrongSettings() throws {
        let installation = try Installation()
        defer { try? installation.close() }
        let file = installation.folder.appending(path: "wrong.yaml")
        try "projects:\n- name: risk\n  repo: /srv/git\n  policy: {runtimes: [mlservr]}\n".write(
            to: file, atomically: true, encoding: .utf8)
        let path = file.path(percentEncoded: false)
        let run = try installation.mlctl(
            "run", "--config", path, "--state-dir", installation.state.path(percentEncoded: false))
        #expect(run.status != 0)
        #expect(
            run.error.contains("\(path):4:23: projects[0].policy.runtimes: unknown runtime 'mlservr'"), "\(run.error)")
        let none = try installation.mlctl("run", "--state-dir", installation.state.path(percentEncoded: false))
        #expect(none.status != 0)
        #expect(none.error.contains("--repo"), "\(none.error)")
    }
}

import Foundation
import Glibc
import TestSupport
import Testing

/// `mlctl doctor` on correct installations and on broken ones.
@Suite("mlctl doctor") struct DoctorTests {
    private struct Report: Decodable {
        struct Entry: Decodable {
            var check: String
            var severity: String
            var message: String
            var advice: String?
        }

        var findings: [Entry]

        func severities(_ check: String) -> Set<String> { Set(findings.filter { $0.check == check }.map(\.severity)) }
        func first(_ check: String) -> Entry? { findings.first { $0.check == check } }
    }

    private func doctor(_ installation: Installation, _ more: [String]) throws -> (Report, status: Int32, text: String)
    {
        let output = try installation.run(
            ["doctor", "--state-dir", installation.state.path(percentEncoded: false), "-o", "json"] + more)
        let report = try JSONDecoder().decode(Report.self, from: Data(output.output.utf8))
        return (report, output.status, output.output)
    }

    @Test("examines a running controller with its settings, and reports that all is well")
    func running() async throws {
        try await withInstallation { installation in
            try installation.commit(["README.md": "no manifest"])
            try await installation.start()
            let (report, _, _) = try doctor(installation, [])
            for check in [
                "controller.running", "controller.crash", "port.own", "state.mode", "api.anonymous",
                "repo.reachable", "token.strength",
            ] {
                #expect(report.severities(check) == ["ok"], "\(check): \(report.first(check)?.message ?? "")")
            }
            #expect(report.severities("repo.manifests") == ["warning"])
            installation.killController()
            let (after, _, _) = try doctor(installation, ["--repo", installation.repo.path(percentEncoded: false)])
            #expect(after.severities("controller.running") == ["warning"])
            #expect(after.severities("controller.crash") == ["warning"])
        }
    }

    @Test("reports the problems of a broken installation, with advice and without secrets")
    func broken() async throws {
        try await withInstallation { installation in
            let token = "kR8vQx2LmZ0pTn5YbWc7HsJd4GfA9eUi"
            let folder = installation.folder
            try installation.commit(["a.yaml": "kind: ModelDeployment\nspec: {token: \(token)}\n"])
            try FileManager.default.createDirectory(
                at: installation.state, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
            chmod(installation.state.path(percentEncoded: false), 0o777)
            for name in ["one", "two"] {
                try token.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
                chmod(folder.appending(path: name).path(percentEncoded: false), 0o600)
            }
            let settings = folder.appending(path: "mlctl.yaml")
            try """
            tokens:
            - {name: one, file: \(folder.path(percentEncoded: false))/one, role: admin}
            - {name: two, file: \(folder.path(percentEncoded: false))/two, role: admin}
            sources:
            - {name: p, kind: prometheus, url: "http://127.0.0.1:1"}
            - {name: c, kind: command, command: [/nowhere/probe]}
            projects:
            - {name: risk, repo: "\(installation.repo.path(percentEncoded: false))"}
            - {name: gone, repo: "\(folder.path(percentEncoded: false))/gone"}
            """.write(to: settings, atomically: true, encoding: .utf8)
            chmod(settings.path(percentEncoded: false), 0o666)
            let (report, status, text) = try await RogueListener.run { taken in
                try doctor(
                    installation,
                    ["--config", settings.path(percentEncoded: false), "--listen", "0.0.0.0:\(taken.port)"])
            }
            #expect(status == 1)
            for check in [
                "state.mode", "settings.mode", "token.twice", "token.written", "api.exposure", "port.own",
                "source.reachable", "tool.program",
            ] {
                #expect(report.severities(check).contains("problem"), "\(check): \(report.first(check)?.message ?? "")")
            }
            #expect(report.severities("repo.reachable") == ["ok", "problem"])
            #expect(report.severities("policy.walls") == ["warning"])
            #expect(report.severities("token.rights") == ["warning"])
            for finding in report.findings where ["problem", "warning"].contains(finding.severity) {
                #expect(finding.advice?.isEmpty == false, "\(finding.check)")
            }
            #expect(!text.contains(token))
        }
    }

    @Test("settings that cannot be read end it with exit code 2, and the rest is still examined")
    func unreadable() async throws {
        try await withInstallation { installation in
            let settings = installation.folder.appending(path: "mlctl.yaml")
            try "tokenz: []\n".write(to: settings, atomically: true, encoding: .utf8)
            let (report, status, _) = try doctor(installation, ["--config", settings.path(percentEncoded: false)])
            #expect(status == 2)
            #expect(report.first("settings.read")?.message.contains("tokenz") == true)
            #expect(report.severities("port.own") == ["notLookedAt"] && report.severities("disk.room") == ["ok"])
        }
    }

    @Test("offline no server is asked; a repository on this machine is read")
    func offline() async throws {
        try await withInstallation { installation in
            try installation.commit(["README.md": "no manifest"])
            let repo = installation.repo.path(percentEncoded: false)
            let (local, _, _) = try doctor(installation, ["--offline", "--repo", repo])
            #expect(local.severities("repo.reachable") == ["ok"])
            let (remote, _, _) = try doctor(installation, ["--offline", "--repo", "https://127.0.0.1:1/x.git"])
            #expect(remote.severities("repo.reachable") == ["notLookedAt"])
            #expect(remote.severities("rights.cluster") == ["notLookedAt"])
        }
    }
}

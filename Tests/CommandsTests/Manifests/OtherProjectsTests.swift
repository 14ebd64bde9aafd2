import ControlAPI
import ControlPorts
import Controller
import Foundation
import ModelManifests
import Rollouts
import Testing

@testable import Commands
@testable import GitSource

@Suite("What other projects have, before a commit")
struct OtherProjectsTests {
    private static let settings: RunSettings = {
        var settings = RunSettings()
        settings.projects = [Project(name: "ads", repo: "/srv/ads"), Project(name: "risk", repo: "/srv/risk")]
        return settings
    }()

    private static func manifest(_ name: String, port: Int? = nil) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: shared}
        spec:
          model: {version: "1"}
          runtime: {command: [serve]}
          \(port.map { "endpoint: {port: \($0)}" } ?? "")
        """
    }

    private func outcome(_ files: [String: String]?, skipped: Bool = false) -> RepositoryInspection.Outcome {
        var outcome = RepositoryInspection.Outcome(project: Self.settings.projects[0], place: "/srv/ads")
        outcome.isSkipped = skipped
        guard let files else { return outcome }
        outcome.commit = "c0ffee"
        outcome.files = files.mapValues { ManifestFile(blob: "b", text: $0) }
        return outcome
    }

    private func serving(_ name: String, of project: String, at port: Int? = nil) -> ControllerStatus {
        ControllerStatus(
            sources: [SourceStatus(project: project, repo: "r", branch: "main", commit: "c")],
            deployments: [
                DeploymentStatus(
                    namespace: "shared", name: name, phase: .healthy, since: .distantPast, message: "",
                    endpoint: port.map { "http://127.0.0.1:\($0)" }, project: project)
            ])
    }

    private func refusals(
        _ text: String, _ outcome: RepositoryInspection.Outcome, running: ControllerStatus? = nil,
        reserved: ReservedPorts = ReservedPorts()
    ) async throws -> [String] {
        let others = try await OtherProjects(Self.settings, besides: "risk", [outcome], running: running)
        let files = [
            (
                path: "m.yaml", file: ManifestFile(blob: "m", text: text),
                parsed: ManifestReader.read(text, file: "m.yaml")
            )
        ]
        return others.refusals(of: files, reserved: reserved).map { "\($0.line) \($0.path): \($0.message)" }
    }

    @Test("a name that another project's repository has, and a port of its, are refused as the controller would")
    func repositories() async throws {
        let ads = outcome(["a.yaml": Self.manifest("ranker", port: 9000)])
        #expect(
            try await refusals(Self.manifest("ranker"), ads) == [
                "3 metadata.name: shared/ranker belongs to project 'ads', which had it first"
            ])
        #expect(
            try await refusals(Self.manifest("scorer", port: 9000), ads) == [
                "7 spec.endpoint.port: port 9000 belongs to shared/ranker of project 'ads'"
            ])
        #expect(try await refusals(Self.manifest("scorer", port: 9001), ads) == [])
    }

    @Test("where the repository cannot be read, the controller that runs is believed; where none does, that is said")
    func running() async throws {
        let away = outcome(nil, skipped: true)
        let status = serving("ranker", of: "ads", at: 9000)
        #expect(try await refusals(Self.manifest("ranker"), away, running: status).count == 1)
        #expect(try await refusals(Self.manifest("scorer", port: 9000), away, running: status).count == 1)
        #expect(try await OtherProjects(Self.settings, besides: "risk", [away], running: status).unchecked == [])
        let blind = try await OtherProjects(Self.settings, besides: "risk", [away], running: nil)
        #expect(blind.unchecked.count == 1 && blind.unchecked[0].contains("project 'ads'"))
        #expect(try await refusals(Self.manifest("ranker"), away) == [])
    }

    @Test("what the controller says is ours is ours, whoever else commits it")
    func ours() async throws {
        let ads = outcome(["a.yaml": Self.manifest("ranker")])
        #expect(try await refusals(Self.manifest("ranker"), ads, running: serving("ranker", of: "risk")) == [])
    }

    @Test("ports of the controller that runs are reserved, and those it usually has where none does")
    func reserved() async throws {
        let none = outcome([:])
        let own = PlannedPorts.reserved(nil, server: URL(string: "http://127.0.0.1:9005"), api: nil)
        #expect(try await refusals(Self.manifest("scorer", port: 9005), none, reserved: own).count == 1)
        #expect(PlannedPorts.reserved(nil, server: nil, api: nil).controller == ReservedPorts.defaultController)
        #expect(PlannedPorts.reserved(nil, server: nil, api: "http://127.0.0.1:7001").controller == 7001)
        let listening = RunningController(
            pid: 1, user: 0,
            runArguments: ["--repo", "/r", "--listen", "127.0.0.1:7002", "--probes", "127.0.0.1:7003"],
            isProgramReplaced: false)
        let ports = PlannedPorts.reserved(listening, server: nil, api: nil)
        #expect(ports.controller == 7002 && ports.probes == 7003)
    }
}

import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import Controller

/// Several projects in one controller, over scripted repositories.
@Suite("A controller of several projects")
struct ProjectsTests {
    private typealias Rig = ControllerTests.Rig

    private struct Projects {
        var sources: [String: any ManifestSource]
        var policies: [String: ProjectPolicy] = [:]
        let backend = ScriptedBackend()
        let store = InMemoryStateStore()

        func running(_ body: @escaping @Sendable (Controller) async throws -> Void) async throws {
            let site = Site(
                backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(), requestIdKey: { _ in nil })
            let controller = Controller(
                configuration: ControllerConfiguration(interval: .seconds(3600)),
                with: ControllerCollaborators(
                    sources: sources.sorted { $0.key < $1.key }.map { name, source in
                        ProjectSource(
                            source, rules: ProjectRules(project: name, policy: policies[name] ?? ProjectPolicy()),
                            repo: "/srv/\(name)")
                    }, sites: SiteDirectory(local: site), trail: store, now: { Date() }),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await controller.run() }
                try await body(controller)
                group.cancelAll()
            }
        }
    }

    private static func source(_ files: [String: String], commit: String = "c1") -> ScriptedSource {
        ScriptedSource(Rig.snapshot(files, commit: commit))
    }

    @Test("each has its own commit, and each deployment has its owner")
    func own() async throws {
        let projects = Projects(sources: [
            "ads": Self.source(["m.yaml": ControllerTests.manifest("1", name: "ranker")], commit: "a1"),
            "risk": Self.source(["m.yaml": ControllerTests.manifest("1")], commit: "r1"),
        ])
        try await projects.running { controller in
            try await ControllerTests.wait(controller, "ranker") { $0?.phase == .healthy }
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let status = await controller.status()
            #expect(status.sources.map(\.project) == ["ads", "risk"])
            #expect(status.sources.map(\.commit) == ["a1", "r1"])
            #expect(status.deployments.map(\.project) == ["risk", "ads"])
            #expect(status.deployments.map { $0.desired?.commit } == ["r1", "a1"])
            let events = try await controller.events(matching: EventFilter(), limit: 100)
            #expect(
                Set(events.map { "\($0.deployment.name) \($0.event.project ?? "")" }) == ["model risk", "ranker ads"])
            #expect(await controller.metrics().contains("mlctl_source_fetches_total{project=\"ads\"} 1"))
        }
    }

    @Test(
        "a retry of what the policy forbids by now is refused with the rule and its place, and explain says so before")
    func forbiddenRetry() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running(policy: ProjectPolicy()) { controller in
            _ = try await rig.startCandidate(controller)
            try await rig.act(.abort, controller)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
        }
        try await rig.running(policy: ProjectPolicy(commands: .deny)) { controller in
            try await ControllerTests.wait(controller) { $0?.message.contains("its manifest is invalid") == true }
            let refused = await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.retry), on: PassRig.key)
            }
            #expect(refused?.message.contains("a.yaml:") == true, "\(refused?.message ?? "")")
            #expect(refused?.message.contains("policy 'commands' of project 'risk'") == true)
            let outlook = try await controller.explanation(of: PassRig.key).outlook
            let retrying = outlook.first { $0.when == "on 'mlctl retry'" }?.then
            #expect(retrying?.hasPrefix("it is refused: outside the project's policy: ") == true, "\(outlook)")
        }
        try await rig.running(policy: ProjectPolicy()) { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            #expect(await controller.status().deployments.first?.candidate == nil)
        }
    }

    @Test("a project whose repository hangs delays no other")
    func hanging() async throws {
        let projects = Projects(sources: [
            "hangs": HangingSource(), "risk": Self.source(["m.yaml": ControllerTests.manifest("1")]),
        ])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            #expect(await controller.isReady())
            #expect(try await controller.sync("risk").map(\.commit) == ["c1"])
        }
    }

    @Test("a project whose repository cannot be read reports it, and the others are read")
    func broken() async throws {
        let broken = Self.source([:])
        await broken.fail(with: ControlError(.unavailable, "gone"))
        let projects = Projects(sources: [
            "broken": broken, "risk": Self.source(["m.yaml": ControllerTests.manifest("1")]),
        ])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let statuses = try await controller.sync(nil)
            #expect(statuses.map { $0.error != nil } == [true, false])
            await #expect(throws: ControlError.self) { try await controller.sync("nobody") }
        }
    }

    @Test("a manifest that violates the policy changes nothing of what serves, and is reported with its place")
    func policy() async throws {
        let source = Self.source(["m.yaml": ControllerTests.manifest("1")])
        let projects = Projects(
            sources: ["risk": source], policies: ["risk": ProjectPolicy(commands: .only(["serve"]))])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await source.commit(
                Rig.snapshot(
                    ["m.yaml": ControllerTests.manifest("2").replacing("[serve]", with: "[sh, -c, id]")], commit: "c2"))
            let status = try #require(try await controller.sync("risk").first)
            #expect(status.diagnostics.map(\.path) == ["spec.runtime.command"])
            try await ControllerTests.wait(controller) {
                $0?.message.contains("policy 'commands' of project 'risk'") == true
            }
            let deployment = try #require(await controller.status().deployments.first)
            #expect(deployment.phase == .healthy && deployment.stable?.version == "1")
        }
    }

    @Test("a deployment that was never accepted also belongs to its project")
    func refusedFromTheStart() async throws {
        let source = Self.source(["m.yaml": ControllerTests.manifest("1").replacing("[serve]", with: "[sh, -c, id]")])
        let projects = Projects(
            sources: ["risk": source], policies: ["risk": ProjectPolicy(commands: .only(["serve"]))])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) {
                $0?.message.contains("policy 'commands' of project 'risk'") == true
            }
            let deployment = try #require(await controller.status().deployments.first)
            #expect(deployment.phase == .idle && deployment.project == "risk")
        }
    }

    private static let waiting =
        "{steps: [{setWeight: 20}, {approval: {}}, {setWeight: 100}], gates: []}"

    @Test("after a stricter policy what serves goes on; a candidate in flight is held, with the rule and its place")
    func stricter() async throws {
        let source = Self.source(["m.yaml": ControllerTests.manifest("1")])
        var projects = Projects(sources: ["risk": source])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await source.commit(
                Rig.snapshot(["m.yaml": ControllerTests.manifest("2", rollout: Self.waiting)], commit: "c2"))
            _ = try await controller.sync("risk")
            try await ControllerTests.wait(controller) { $0?.phase == .paused }
        }
        projects.policies = ["risk": ProjectPolicy(commands: .deny)]
        try await projects.running { controller in
            try await ControllerTests.wait(controller) {
                $0?.waitingFor?.contains("is outside the project's policy") == true
            }
            let key = DeploymentKey(namespace: "test", name: "model")
            let held = try #require(await controller.status().deployments.first)
            #expect(held.phase == .paused && held.stable?.version == "1" && held.candidate?.version == "2")
            #expect(held.message.contains("m.yaml:6:13: spec.runtime.command"), "\(held.message)")
            for verb in [OperatorCommand.Verb.promote(full: true), .resume, .retry] {
                let refused = await #expect(throws: ControlError.self) {
                    try await controller.act(OperatorCommand(verb), on: key)
                }
                #expect(refused?.message.contains("policy 'commands' of project 'risk'") == true)
                #expect(refused?.message.contains("'mlctl abort test/model'") == true)
            }
            _ = try await controller.act(OperatorCommand(.abort), on: key)
            try await ControllerTests.wait(controller) { $0?.candidate == nil && $0?.stable?.version == "1" }
        }
        // Nothing is wrong with it, but for the policy: the same under the former one.
        projects.policies = [:]
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.stable?.version == "1" }
        }
    }

    @Test(
        "a deployment whose project is not in the settings serves; commands only take traffic back, and nothing goes on"
    )
    func orphan() async throws {
        let source = Self.source(["m.yaml": ControllerTests.manifest("1")])
        var projects = Projects(sources: ["risk": source])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await source.commit(
                Rig.snapshot(["m.yaml": ControllerTests.manifest("2", rollout: Self.waiting)], commit: "c2"))
            _ = try await controller.sync("risk")
            try await ControllerTests.wait(controller) { $0?.phase == .paused }
        }
        projects.sources = ["ads": Self.source(["r.yaml": ControllerTests.manifest("1", name: "ranker")])]
        let key = DeploymentKey(namespace: "test", name: "model")
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.waitingFor?.contains("project 'risk'") == true }
            let held = try #require(await controller.status().deployments.first { $0.name == "model" })
            #expect(held.project == nil && held.stable?.version == "1" && held.candidate?.version == "2")
            #expect(held.message.contains("belongs to project 'risk', which is not in the controller's settings"))
            for verb in [
                OperatorCommand.Verb.promote(full: true), .promote(.init(isFull: true, isForced: true)), .resume,
                .retry,
                .pause, .suspend,
            ] {
                let refused = await #expect(throws: ControlError.self) {
                    try await controller.act(OperatorCommand(verb), on: key)
                }
                #expect(refused?.code == .conflict)
                #expect(refused?.message.contains("which is not in the controller's settings") == true)
                #expect(refused?.message.contains("'mlctl abort test/model'") == true)
            }
            _ = try await controller.act(OperatorCommand(.abort), on: key)
            try await ControllerTests.wait(controller) { $0?.candidate == nil && $0?.stable?.version == "1" }
        }
        // Nobody wants it, and it still serves; another project may take it over.
        projects.sources["ads"] = Self.source(["m.yaml": ControllerTests.manifest("3")])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.project == "ads" && $0?.stable?.version == "3" }
        }
    }

    @Test("a deployment without a project can be rolled back to an earlier version")
    func orphanRollback() async throws {
        let source = Self.source(["m.yaml": ControllerTests.manifest("1")])
        var projects = Projects(sources: ["risk": source])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await source.commit(Rig.snapshot(["m.yaml": ControllerTests.manifest("2")], commit: "c2"))
            _ = try await controller.sync("risk")
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
        }
        projects.sources = ["ads": Self.source([:])]
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.stable?.version == "2" && $0?.stable?.ready == 1 }
            let key = DeploymentKey(namespace: "test", name: "model")
            _ = try await controller.act(OperatorCommand(.rollback(to: nil)), on: key)
            try await ControllerTests.wait(controller) { $0?.stable?.version == "1" && $0?.candidate == nil }
        }
    }

    @Test("nobody rolls back to what a stricter policy forbids")
    func rollback() async throws {
        let source = Self.source([
            "m.yaml": ControllerTests.manifest("1").replacing("[serve]", with: "[old-serve]")
        ])
        var projects = Projects(sources: ["risk": source])
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await source.commit(Rig.snapshot(["m.yaml": ControllerTests.manifest("2")], commit: "c2"))
            _ = try await controller.sync("risk")
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
        }
        projects.policies = ["risk": ProjectPolicy(commands: .only(["serve"]))]
        try await projects.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
            let key = DeploymentKey(namespace: "test", name: "model")
            let old = try #require(try await controller.history(of: key).first { $0.version == "1" })
            for verb in [
                OperatorCommand.Verb.rollback(to: nil), .rollback(to: old.revision.rawValue, force: true),
            ] {
                let refused = await #expect(throws: ControlError.self) {
                    try await controller.act(OperatorCommand(verb), on: key)
                }
                #expect(refused?.message.contains("starts 'old-serve'") == true, "\(refused?.message ?? "")")
            }
            #expect(await controller.status().deployments.first?.stable?.version == "2")
        }
    }
}

/// A repository whose server never answers.
private struct HangingSource: ManifestSource {
    func fetch() async throws -> ManifestSnapshot {
        try await Task.sleep(for: .seconds(3600))
        throw CancellationError()
    }

    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool { false }
}

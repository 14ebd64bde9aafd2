import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import Controller

@Suite("Rollbacks that are written back")
struct ControllerRevertTests {
    private let key = DeploymentKey(namespace: "test", name: "model")
    private static let rollout = "{steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}], gates: []}"

    private static func snapshot(_ text: String, _ commit: String) -> ManifestSnapshot {
        ControllerTests.Rig.snapshot(["a.yaml": text], commit: commit)
    }

    private static func controller(_ source: ScriptedSource, _ model: RevertModel, _ mode: WriteBack.Mode) -> Controller
    {
        let store = InMemoryStateStore()
        let site = Site(
            backend: ScriptedBackend(), store: store, metrics: NoReadings(), logs: NoLogs(), requestIdKey: { _ in nil })
        return Controller(
            configuration: ControllerConfiguration(interval: .seconds(3600)),
            with: ControllerCollaborators(
                sources: [
                    ProjectSource(source, reference: "main", writeBack: WriteBack(mode: mode), writer: model)
                ], sites: SiteDirectory(local: site), trail: store, now: { Date() }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test("a branch asks for what serves, and goes when git moves on", arguments: [WriteBack.Mode.branch, .push])
    func branch(mode: WriteBack.Mode) async throws {
        let model = RevertModel()
        let (one, two) = (ControllerTests.manifest("1"), ControllerTests.manifest("2", rollout: Self.rollout))
        let first = await model.humanCommit(one, on: RevertModel.source)
        let source = ScriptedSource(Self.snapshot(one, first))
        let controller = Self.controller(source, model, mode)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "1" }
            let second = await model.humanCommit(two, on: RevertModel.source)
            await source.commit(Self.snapshot(two, second))
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.phase == .paused && $0?.candidate?.version == "2" }
            _ = try await controller.act(OperatorCommand(.abort), on: key)
            try await ControllerTests.wait(controller) { status in
                status?.phase == .rolledBack
                    && status?.conditions.contains { $0.type == Condition.writtenBack && $0.status == "True" } == true
            }
            let status = try #require(await controller.status().deployments.first)
            let failed = try #require(status.quarantined.first?.revision)
            let branch = RevertWish.branchFolder(key) + failed.rawValue
            let reference = mode == .push ? RevertModel.source : branch
            let tip = try #require(await model.references[reference])
            let commit = try #require(await model.commits[tip])
            // Only the version changes back: the steps are settings, and stay.
            #expect(commit.text == ControllerTests.manifest("1", rollout: Self.rollout))
            #expect(commit.parent == second)
            #expect(commit.message.contains("Revert test/model to version 1"))
            await source.commit(Self.snapshot(commit.text, tip))
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { status in
                status?.phase == .healthy && status?.desired?.commit == tip
                    && status?.conditions.contains { $0.type == Condition.writtenBack } == false
            }
            #expect(await controller.status().deployments.first?.candidate == nil)
            #expect(await model.references[branch] == nil)
            #expect(await model.written.count(where: { $0.to != nil }) == 1)
            group.cancelAll()
        }
    }

    @Test("nothing is written if the old fields would make another revision than the one that serves")
    func changedRuntime() async throws {
        func manifest(_ version: String) -> String {
            ControllerTests.manifest(version, rollout: Self.rollout)
                .replacing("runtime: {command: [serve]}", with: "runtime: {name: shared}")
        }
        func runtime(_ command: String) -> String {
            "apiVersion: mlctl.dev/v1alpha1\nkind: ServingRuntime\nmetadata: {name: shared, namespace: test}\n"
                + "spec: {command: [\(command)]}\n"
        }
        let model = RevertModel()
        let first = await model.humanCommit(manifest("1"), on: RevertModel.source)
        let source = ScriptedSource(
            ControllerTests.Rig.snapshot(["a.yaml": manifest("1"), "r.yaml": runtime("old")], commit: first))
        let controller = Self.controller(source, model, .branch)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let second = await model.humanCommit(manifest("2"), on: RevertModel.source)
            await source.commit(
                ControllerTests.Rig.snapshot(["a.yaml": manifest("2"), "r.yaml": runtime("new")], commit: second))
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.phase == .paused }
            _ = try await controller.act(OperatorCommand(.abort), on: key)
            try await ControllerTests.wait(controller) { status in
                status?.conditions.contains {
                    $0.type == Condition.writtenBack && $0.status == "False" && $0.message.contains("ServingRuntime")
                } == true
            }
            #expect(await model.written.isEmpty)
            group.cancelAll()
        }
    }
}

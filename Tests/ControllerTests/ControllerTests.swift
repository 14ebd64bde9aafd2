import ControlPorts
import Controller
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// The control loop with a scripted backend, scripted git and an in-memory store.
@Suite("The controller's loop")
struct ControllerTests {
    struct Rig {
        let source: ScriptedSource
        let backend = ScriptedBackend()
        let store = InMemoryStateStore()

        init(_ files: [String: String], commit: String = "c1") {
            source = ScriptedSource(Self.snapshot(files, commit: commit))
        }

        static func snapshot(_ files: [String: String], commit: String) -> ManifestSnapshot {
            ManifestSnapshot(
                commit: commit, files: files.mapValues { ManifestFile(blob: "\($0.hashValue)", text: $0) })
        }

        func controller(
            outcomes: (any OutcomeStore)? = nil, requestIdKey: RequestIdentityKey? = nil,
            metrics: any MetricSource = NoReadings(), recorder: ReadingRecorder? = nil
        ) -> Controller {
            Controller(
                configuration: ControllerConfiguration(interval: .seconds(3600)),
                with: ControllerCollaborators(
                    source: source, backend: backend, store: store, metrics: metrics, logs: NoLogs(),
                    outcomes: outcomes, requestIdKey: { requestIdKey }, recorder: recorder, now: { Date() }),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        /// Runs a controller while `body` does.
        func running(
            outcomes: (any OutcomeStore)? = nil, requestIdKey: RequestIdentityKey? = nil,
            metrics: any MetricSource = NoReadings(), recorder: ReadingRecorder? = nil,
            _ body: @escaping @Sendable (Controller) async throws -> Void
        ) async throws {
            let controller = controller(
                outcomes: outcomes, requestIdKey: requestIdKey, metrics: metrics, recorder: recorder)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await controller.run() }
                try await body(controller)
                group.cancelAll()
            }
        }
    }

    static let ungated = "{steps: [{setWeight: 50}, {setWeight: 100}], gates: []}"

    static func manifest(_ version: String, name: String = "model", rollout: String = ungated) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: test}
        spec:
          model: {version: "\(version)"}
          runtime: {command: [serve]}
          rollout: \(rollout)
        """
    }

    static func wait(
        _ controller: Controller, _ name: String = "model", until isMet: (DeploymentStatus?) -> Bool
    ) async throws {
        for _ in 0..<2000 {
            if isMet(await controller.status().deployments.first { $0.name == name }) { return }
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
        Issue.record("waited in vain: \(await controller.status())")
    }

    @Test("a commit is served, a newer one replaces it, and a removed one is taken down")
    func followsGit() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1"), "b.yaml": Self.manifest("1", name: "other")])
        try await rig.running { controller in
            try await Self.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "1" }
            await rig.source.commit(Rig.snapshot(["a.yaml": Self.manifest("2")], commit: "c2"))
            _ = try await controller.sync()
            try await Self.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
            try await Self.wait(controller, "other") { $0 == nil }
            #expect(await rig.backend.plans.keys.map(\.name) == ["model"])
            #expect(await controller.status().deployments.first?.desired?.commit == "c2")
        }
    }

    @Test("a restart restores everything and plans nothing new")
    func restart() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1")])
        try await rig.running { try await Self.wait($0) { $0?.phase == .healthy } }
        let plans = await rig.backend.plans
        await rig.source.fail(with: ControlError(.unavailable, "git is away"))
        try await rig.running { controller in
            try await Self.wait(controller) { $0?.phase == .healthy && $0?.stable?.ready == 1 }
            #expect(await controller.isReady() == false)
        }
        #expect(await rig.backend.plans == plans)
    }

    @Test(
        "a commit that came while the controller was away removes what was elsewhere than in a file that cannot be read"
    )
    func removedMeanwhile() async throws {
        let files = ["a.yaml": Self.manifest("1"), "b.yaml": Self.manifest("1", name: "other")]
        let rig = Rig(files.merging(["c.yaml": Self.manifest("1", name: "third")]) { $1 })
        try await rig.running { controller in
            for name in ["model", "other", "third"] { try await Self.wait(controller, name) { $0?.phase == .healthy } }
        }
        var next = Rig.snapshot(["c.yaml": Self.manifest("1", name: "third")], commit: "c2")
        next.files["a.yaml"] = ManifestFile(blob: "large", obstacle: .tooLarge(bytes: 2 << 20))
        await rig.source.commit(next)
        try await rig.running { controller in
            try await Self.wait(controller, "other") { $0 == nil }
            try await Self.wait(controller) { status in
                status?.stable?.version == "1" && status?.message.contains("is 2097152 bytes long") == true
                    && status?.conditions.first { $0.type == "Ready" }?.status == "False"
            }
        }
    }

    @Test("a command is answered with the status that it led to, or with the reason for its refusal")
    func commands() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1")])
        try await rig.running { controller in
            try await Self.wait(controller) { $0?.phase == .healthy }
            let key = DeploymentKey(namespace: "test", name: "model")
            await #expect(throws: ControlError.self) { try await controller.act(OperatorCommand(.abort), on: key) }
            let status = try await controller.act(OperatorCommand(.suspend), on: key)
            #expect(status.phase == .healthy)
            await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.pause), on: DeploymentKey(name: "nobody"))
            }
        }
    }

    @Test("a failing backend is reported, retried with backoff, and recovers")
    func backendFails() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1")])
        await rig.backend.fail(with: ControlError(.unavailable, "the machine is on fire"))
        try await rig.running { controller in
            try await Self.wait(controller) { $0?.message.contains("on fire") == true }
            await rig.backend.fail(with: nil)
            try await Self.wait(controller) { $0?.phase == .healthy }
        }
    }

    @Test("after a restart nothing is healthy before it was observed")
    func nothingIsHealthyUnseen() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1")])
        try await rig.running { try await Self.wait($0) { $0?.phase == .healthy } }
        await rig.backend.fail(with: ControlError(.unavailable, "the machine is busy"))
        try await rig.running { controller in
            try await Self.wait(controller) { $0?.stable?.version == "1" }
            let status = try #require(await controller.status().deployments.first)
            #expect(status.phase == .degraded && status.condition(.ready)?.status == "Unknown")
            #expect(status.message.contains("has not observed it since it started"))
            #expect(await controller.metrics().contains(#"mlctl_deployments{phase="Healthy"} 0"#))
            await rig.backend.fail(with: nil)
            try await Self.wait(controller) { $0?.phase == .healthy && $0?.condition(.ready)?.status == "True" }
            #expect(await controller.metrics().contains(#"mlctl_deployments{phase="Healthy"} 1"#))
        }
    }

    @Test(
        "a deployment that is listed is never reported as missing: commands, history, logs and explanations give its state"
    )
    func listedExists() async throws {
        let rig = Rig([
            "a.yaml": "apiVersion: mlctl.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: bad}\nspec: {}\n"
        ])
        try await rig.running { controller in
            try await Self.wait(controller, "bad") { $0 != nil }
            let key = DeploymentKey(name: "bad")
            func refusal(_ body: () async throws -> Void) async -> ControlError? {
                do { try await body() } catch { return error as? ControlError }
                return nil
            }
            let refusals = [
                await refusal { _ = try await controller.act(OperatorCommand(.pause), on: key) },
                await refusal { _ = try await controller.history(of: key) },
                await refusal { _ = try await controller.logs(of: key, revision: nil, lines: 1) },
            ]
            for refusal in refusals {
                #expect(refusal?.code == .conflict && refusal?.message.contains("its manifest is invalid") == true)
            }
            #expect(try await controller.explanation(of: key).status.phase == .idle)
            let nobody = DeploymentKey(name: "nobody")
            let unknown = await refusal { _ = try await controller.history(of: nobody) }
            #expect(unknown?.code == .notFound)
        }
    }

    @Test("the journal has every event in the order of the decisions, with the evidence")
    func events() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1")])
        try await rig.running { controller in
            try await Self.wait(controller) { $0?.phase == .healthy }
            let kinds = try await controller.events(matching: EventFilter(), limit: 100).map(\.event.kind)
            #expect(kinds.reversed() == [.rolloutStarted, .promoting, .promoted])
            #expect(try await controller.history(of: DeploymentKey(namespace: "test", name: "model")).count == 1)
        }
    }

    @Test("at rest nothing is written")
    func restsQuietly() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1")])
        try await rig.running { controller in
            try await Self.wait(controller) { $0?.phase == .healthy }
            let version = try await rig.store.record(for: DeploymentKey(namespace: "test", name: "model"))?.version
            _ = try await controller.sync()
            _ = try await controller.sync()
            let after = try await rig.store.record(for: DeploymentKey(namespace: "test", name: "model"))?.version
            #expect(version == after)
        }
    }
}

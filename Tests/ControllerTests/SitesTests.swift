import ControlPorts
import Controller
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// This machine and two clusters, all scripted.
@Suite("A controller with several sites")
struct SitesTests {
    struct Place {
        let backend = ScriptedBackend()
        let store = InMemoryStateStore()
        let register = InMemoryRegister()

        func site(isShown: Bool) -> Site {
            Site(
                backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(),
                register: isShown ? register : nil)
        }
    }

    struct Rig {
        let source: ScriptedSource
        let local = Place()
        let prod = Place()
        let staging = Place()
        var leadership: ScriptedLeadership?

        init(_ files: [String: String], leadership: ScriptedLeadership? = nil) {
            source = ScriptedSource(ControllerTests.Rig.snapshot(files, commit: "c1"))
            self.leadership = leadership
        }

        /// No pass comes by itself, and time is the test's.
        func quietController(_ clock: ManualClock) -> Controller {
            Controller(
                configuration: ControllerConfiguration(
                    interval: .seconds(3600), restingInterval: .seconds(3600), reachInterval: .milliseconds(1)),
                with: ControllerCollaborators(
                    source: source, sites: SiteDirectory(clusters: ["prod": prod.site(isShown: true)]),
                    trail: local.store, leadership: leadership,
                    now: { Date(timeIntervalSince1970: 1_800_000_000 + clock.now.offset / .seconds(1)) }),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        func controller() -> Controller {
            Controller(
                configuration: ControllerConfiguration(
                    interval: .seconds(3600), restingInterval: .milliseconds(50)),
                with: ControllerCollaborators(
                    source: source,
                    sites: SiteDirectory(
                        local: local.site(isShown: false),
                        clusters: ["prod": prod.site(isShown: true), "staging": staging.site(isShown: true)]),
                    trail: local.store, leadership: leadership, now: { Date() }),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        func running(_ body: @escaping @Sendable (Controller) async throws -> Void) async throws {
            let controller = controller()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await controller.run() }
                try await body(controller)
                group.cancelAll()
            }
        }

        func commit(_ files: [String: String], _ commit: String) async {
            await source.commit(ControllerTests.Rig.snapshot(files, commit: commit))
        }
    }

    static func manifest(_ version: String, name: String = "model", cluster: String?) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: test, labels: {team: risk}}
        spec:
          model: {version: "\(version)"}
          runtime: {image: "example/model:1"}
          target: {kind: kubernetes\(cluster.map { ", cluster: \($0)" } ?? "")}
          rollout: {steps: [{setWeight: 50}, {setWeight: 100}], gates: []}
        """
    }

    static let key = DeploymentKey(namespace: "test", name: "model")
    static func key(_ name: String) -> DeploymentKey { DeploymentKey(namespace: "test", name: name) }
    static let away = ControlError(.unavailable, "the API server is away")

    @Test("each deployment is served and recorded at the site in its manifest")
    func places() async throws {
        let rig = Rig([
            "a.yaml": Self.manifest("1", name: "a", cluster: "prod"),
            "b.yaml": Self.manifest("1", name: "b", cluster: "staging"),
            "c.yaml": ControllerTests.manifest("1", name: "c"),
        ])
        try await rig.running { controller in
            for name in ["a", "b", "c"] { try await ControllerTests.wait(controller, name) { $0?.phase == .healthy } }
            #expect(await rig.prod.backend.plans.keys.map(\.name) == ["a"])
            #expect(await rig.staging.backend.plans.keys.map(\.name) == ["b"])
            #expect(await rig.local.backend.plans.keys.map(\.name) == ["c"])
            #expect(await rig.prod.backend.plans[Self.key("a")]?.target == .kubernetes(.init(cluster: "prod")))
            #expect(try await rig.prod.store.records().keys.map(\.name) == ["a"])
            #expect(try await rig.local.store.records().keys.map(\.name) == ["c"])
        }
    }

    @Test("another writer that keeps overwriting a deployment's entry is reported, and delays nothing")
    func contested() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1", cluster: "prod")])
        await rig.prod.register.contest("somebody else writes it")
        try await rig.running { controller in
            try await ControllerTests.wait(controller, "model") {
                $0?.phase == .healthy && $0?.message.contains("somebody else writes it") == true
            }
        }
    }

    @Test("a model location that may change its content is a condition that nothing waits for")
    func unpinned() async throws {
        let manifest = Self.manifest("1", cluster: "prod").replacing(
            #"{version: "1"}"#, with: #"{version: "1", storageUri: "s3://models/fraud"}"#)
        try await Rig(["a.yaml": manifest]).running { controller in
            try await ControllerTests.wait(controller, "model") { status in
                let pinned = status?.conditions.first { $0.type == "ModelPinned" }
                return status?.phase == .healthy && pinned?.status == "False"
                    && pinned?.message.hasPrefix("s3://models/fraud is not pinned") == true
            }
        }
    }

    @Test("a site that is cut off is said to be after two seconds, without a pass, and a lost watch is not said at all")
    func cutOff() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1", cluster: "prod")])
        let clock = ManualClock()
        let controller = rig.quietController(clock)
        /// Looks that have begun since are over.
        func looks(_ count: Int) async throws {
            let before = await rig.prod.backend.looks
            try await OneSite.wait { await rig.prod.backend.looks >= before + count }
        }
        func site() async -> SiteStatus? { await controller.status().sites.first { $0.name == "cluster prod" } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await rig.prod.backend.cutOff("the API server is away")
            try await looks(3)
            clock.advance(by: .milliseconds(1900))
            try await looks(3)
            #expect(await site()?.reachable == true, "it may be one lost watch")
            await rig.prod.backend.cutOff(nil)
            try await looks(3)
            await rig.prod.backend.cutOff("the API server is away")
            try await looks(3)
            clock.advance(by: .milliseconds(1900))
            try await looks(3)
            #expect(await site()?.reachable == true, "what was over does not add up")
            clock.advance(by: .milliseconds(100))
            try await ControllerTests.wait(controller) { $0?.lastSeenAt != nil }
            #expect(await site()?.reachable == false)
            #expect(await site()?.reason == "the API server is away")
            await rig.prod.backend.cutOff(nil)
            try await ControllerTests.wait(controller) { $0?.lastSeenAt == nil }
            #expect(await site()?.reachable == true)
            group.cancelAll()
        }
    }

    @Test("an unreachable site stops only its own deployments, and none of them is treated as new")
    func unreachable() async throws {
        let rig = Rig([
            "a.yaml": Self.manifest("1", name: "a", cluster: "prod"),
            "b.yaml": Self.manifest("1", name: "b", cluster: "staging"),
        ])
        try await rig.running { controller in
            for name in ["a", "b"] { try await ControllerTests.wait(controller, name) { $0?.phase == .healthy } }
        }
        await rig.prod.store.fail(with: Self.away)
        await rig.commit(
            [
                "a.yaml": Self.manifest("2", name: "a", cluster: "prod"),
                "b.yaml": Self.manifest("2", name: "b", cluster: "staging"),
            ], "c2")
        let before = await rig.prod.backend.applied
        try await rig.running { controller in
            try await ControllerTests.wait(controller, "b") { $0?.stable?.version == "2" }
            try await ControllerTests.wait(controller, "a") {
                $0?.message.contains("cluster prod cannot be reached: the API server is away") == true
            }
            #expect(await rig.prod.backend.applied == before)
            let status = await controller.status().deployments.first { $0.name == "a" }
            #expect(status?.condition(.available)?.status == "Unknown" && status?.phase == .degraded)
            await #expect(
                throws: ControlError(
                    .unavailable,
                    "the state of test/a is not known: cluster prod cannot be reached: the API server is away")
            ) { try await controller.history(of: Self.key("a")) }
            await rig.prod.store.fail(with: nil)
            try await ControllerTests.wait(controller, "a") { $0?.phase == .healthy && $0?.stable?.version == "2" }
            // Compared with the stable revision from its record: it was not a first deployment.
            let history = try await controller.history(of: Self.key("a"))
            #expect(history.map(\.version) == ["2", "1"])
        }
    }

    @Test("records of this machine that cannot be read are retried soon, and the status says so")
    func unreadRecords() async throws {
        let rig = Rig(["a.yaml": ControllerTests.manifest("1", name: "a")])
        await rig.local.store.fail(with: ControlError(.unavailable, "another process holds the journal"))
        try await rig.running { controller in
            try await ControllerTests.wait(controller, "a") {
                $0?.message.contains(
                    "what was decided on this machine cannot be read: another process holds the journal") == true
            }
            await rig.local.store.fail(with: nil)
            try await ControllerTests.wait(controller, "a") { $0?.phase == .healthy }
        }
    }

    @Test("deployments from the records of a late site are removed, or held, by the usual rule")
    func lateRemoval() async throws {
        let a = Self.manifest("1", name: "a", cluster: "prod")
        let rig = Rig(["a.yaml": a, "b.yaml": ControllerTests.manifest("1", name: "b")])
        try await rig.running { controller in
            try await ControllerTests.wait(controller, "a") { $0?.phase == .healthy }
        }
        await rig.prod.store.fail(with: Self.away)
        // An empty commit: nothing counts as removed, whenever it is found.
        await rig.commit([:], "c2")
        try await rig.running { controller in
            _ = try await controller.sync()
            await rig.prod.store.fail(with: nil)
            try await ControllerTests.wait(controller, "a") { $0?.phase == .healthy && $0?.stable?.ready == 1 }
            #expect(await controller.status().sources.first?.error?.contains("--allow-empty") == true)
            await rig.commit(["b.yaml": ControllerTests.manifest("1", name: "b")], "c3")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller, "a") { $0 == nil }
            #expect(await rig.prod.backend.plans.isEmpty)
            #expect(await rig.prod.register.withdrawn == [Self.key("a")])
        }
    }

    @Test("a manifest that wants another site is held, and the deployment stays where it is")
    func anotherTarget() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1", cluster: "prod")])
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await rig.commit(["a.yaml": Self.manifest("2", cluster: "staging")], "c2")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) {
                $0?.message.contains("wants it at cluster staging, router proxy, but it serves at cluster prod") == true
            }
            let status = await controller.status().deployments.first
            #expect(status?.stable?.version == "1" && status?.phase == .healthy)
            #expect(status?.conditions.first { $0.type == "Stalled" }?.reason == "AnotherTarget")
            #expect(await rig.staging.backend.plans.isEmpty)
            let warnings = try await controller.events(matching: EventFilter(), limit: 100)
                .filter { $0.event.kind == .warning }
            #expect(warnings.isEmpty, "the cluster's store keeps its own trail here")

            // Removed, and added again when nothing is left: then it is served at the new site.
            await rig.commit(["b.yaml": ControllerTests.manifest("1", name: "b")], "c3")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0 == nil }
            await rig.commit(["a.yaml": Self.manifest("2", cluster: "staging")], "c4")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
            #expect(await rig.prod.backend.plans.isEmpty)
            #expect(await rig.staging.backend.plans.count == 1)
        }
    }

    @Test("a cluster that is not in the settings is an error that lists the known ones")
    func unknownCluster() async throws {
        let rig = Rig([
            "a.yaml": Self.manifest("1", name: "a", cluster: "prdo"),
            "b.yaml": Self.manifest("1", name: "b", cluster: nil),
        ])
        try await rig.running { controller in
            try await ControllerTests.wait(controller, "a") {
                $0?.message.contains("no cluster 'prdo'; they have prod, staging") == true
            }
            try await ControllerTests.wait(controller, "b") {
                $0?.message.contains("have several clusters: prod, staging") == true
            }
            #expect(await rig.prod.backend.applied == 0)
        }
    }

    @Test("what git says is shown at the site once, restored after a change, and removed with the manifest")
    func announcing() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1", cluster: "prod")])
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let shown = try #require(await rig.prod.register.announced[Self.key])
            #expect(shown.labels == ["team": "risk"] && shown.commit == "c1")
            #expect(shown.spec.contains(#""runtime":{"image":"example/model:1"}"#))
            for _ in 0..<3 { _ = try await controller.sync() }
            #expect(await rig.prod.register.writes == 1)
            await rig.prod.register.tamper(with: Self.key)
            for _ in 0..<2000 where await rig.prod.register.writes < 2 {
                try await ContinuousClock().sleep(for: .milliseconds(5))
            }
            #expect(await rig.prod.register.announced[Self.key] == shown)
            #expect(await rig.prod.register.reported[Self.key]?.phase == .healthy)
        }
    }

    @Test("a site reports a change of another controller's deployment before git is read: it is not shown")
    func foreignChange() async throws {
        let rig = Rig([:])
        await rig.source.fail(with: Self.away)
        try await rig.running { controller in
            await rig.prod.register.tamper(with: Self.key)
            for _ in 0..<2000 where !(await controller.metrics()).contains("mlctl_passes_total 1") {
                try await ContinuousClock().sleep(for: .milliseconds(5))
            }
            #expect(await controller.metrics().contains("mlctl_passes_total 1"))
            #expect(await controller.status().deployments.isEmpty)
        }
    }

    @Test("a lost swap ends the pass: nothing is applied until it is decided again")
    func conflict() async throws {
        let rig = Rig(["a.yaml": Self.manifest("1", cluster: "prod")])
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.ready == 1 }
            await rig.prod.store.contend(true)
            let plan = await rig.prod.backend.plans[Self.key]
            await rig.commit(["a.yaml": Self.manifest("2", cluster: "prod")], "c2")
            _ = try await controller.sync()
            for _ in 0..<2000 where await rig.prod.store.conflicts < 2 {
                try await ContinuousClock().sleep(for: .milliseconds(5))
            }
            #expect(await rig.prod.store.conflicts >= 2)
            #expect(await rig.prod.backend.plans[Self.key] == plan)
            await rig.prod.store.contend(false)
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
        }
    }
}

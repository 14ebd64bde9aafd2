import ControlPorts
import Controller
import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// What a mutable model location means is decided by commits alone.
@Suite("Models without a digest", .timeLimit(.minutes(10)))
struct PinningTests {
    private static let first = Digest("sha256:" + String(repeating: "a", count: 64))!
    private static let second = Digest("sha256:" + String(repeating: "b", count: 64))!
    private static let uri = "https://models/m"
    private static let ungated = ControllerTests.ungated

    private static func manifest(
        _ version: String, name: String = "model", uri: String = uri, more: String = "", rollout: String = ungated
    ) -> String {
        PassRig.manifest(version, name: name, uri: uri, rollout: rollout, more: more)
    }

    private func served(_ controller: Controller, _ version: String) async throws -> Revision {
        try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == version }
        return try #require(await controller.status().deployments.first { $0.name == "model" }?.stable?.revision)
    }

    /// Waits until the source was checked once more, and the result is known.
    private func nextCheck(_ rig: PassRig, _ controller: Controller) async throws {
        let checked = await rig.backend.checked.count
        // The first look after a start checks nothing: what was pinned is only being read from the records.
        try await rig.wait("checked") {
            _ = try await controller.sync()
            return await rig.backend.checked.count > checked
        }
    }

    @Test(
        "files that are replaced without a commit are not rolled out: not by a look at git, not by a restart, not by other commits"
    )
    func replacedInPlace() async throws {
        let other = Self.manifest("1", name: "other", uri: "https://models/missing/1")
        let rig = PassRig(["a.yaml": Self.manifest("1"), "b.yaml": other])
        await rig.backend.hold(Self.first, at: Self.uri)
        try await rig.running { controller in
            let revision = try await served(controller, "1")
            await rig.backend.hold(Self.second, at: Self.uri)
            try await nextCheck(rig, controller)
            try await ControllerTests.wait(controller) {
                $0?.message.contains("changed since they were pinned for commit c1") == true
            }
            let status = try #require(await controller.status().deployments.first { $0.name == "model" })
            #expect(status.phase == .healthy && status.stable?.revision == revision && status.candidate == nil)
            #expect(status.condition(.ready)?.status == "True")
            #expect(status.message.contains("commit a new model.version, or set model.digest"))
            #expect(status.conditions.contains { $0.type == Condition.modelSourceUnchanged && $0.status == "False" })
            // Somebody else's commit, and one to this deployment's gates.
            await rig.commit(
                ["a.yaml": Self.manifest("1", rollout: PassRig.judged), "b.yaml": other + "\n"], "c2")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.desired?.commit == "c2" }
            #expect(try await served(controller, "1") == revision)
            #expect(await rig.backend.pinned.count { $0 == Self.uri } == 1)
        }
        // A restart, while the other deployment still cannot be pinned.
        try await rig.running { controller in
            let before = await rig.store.swaps
            _ = try await served(controller, "1")
            try await nextCheck(rig, controller)
            try await ControllerTests.wait(controller) {
                $0?.message.contains("changed since they were pinned") == true && $0?.phase == .healthy
            }
            #expect(await rig.backend.pinned.count { $0 == Self.uri } == 1)
            let events = try await controller.events(matching: EventFilter(deployment: PassRig.key), limit: 100)
            #expect(events.count { $0.event.kind == .rolloutStarted } == 1)
            #expect(await rig.store.swaps >= before)
        }
    }

    @Test("a commit that changes the model pins its files, and a revert goes back to the files that served")
    func newCommit() async throws {
        let rig = PassRig(["a.yaml": Self.manifest("1")])
        await rig.backend.hold(Self.first, at: Self.uri)
        try await rig.running { controller in
            let one = try await served(controller, "1")
            await rig.backend.hold(Self.second, at: Self.uri)
            await rig.commit(["a.yaml": Self.manifest("2")], "c2")
            _ = try await controller.sync()
            let two = try await served(controller, "2")
            #expect(two != one)
            #expect(await controller.status().deployments.first?.message.contains("changed since") == false)
            await rig.commit(["a.yaml": Self.manifest("1")], "c3")
            _ = try await controller.sync()
            #expect(try await served(controller, "1") == one)
            #expect(await rig.backend.pinned == [Self.uri, Self.uri])
            try await nextCheck(rig, controller)
            try await ControllerTests.wait(controller) {
                $0?.message.contains("changed since they were pinned") == true
            }
        }
    }

    @Test("files that were removed after they were pinned change nothing, also over a restart, and that is said")
    func removed() async throws {
        let rig = PassRig(["a.yaml": Self.manifest("1")])
        await rig.backend.hold(Self.first, at: Self.uri)
        try await rig.running { _ = try await served($0, "1") }
        await rig.backend.remove(Self.uri)
        try await rig.running { controller in
            _ = try await served(controller, "1")
            try await nextCheck(rig, controller)
            try await ControllerTests.wait(controller) {
                $0?.phase == .healthy && $0?.message.contains("were removed since they were pinned") == true
            }
            #expect(await rig.backend.pinned == [Self.uri])
        }
    }

    @Test(
        "while the files of a first deployment cannot be pinned it is shown as Preparing, and 'mlctl retry' tries again"
    )
    func retryOfFailedPin() async throws {
        let uri = "https://models/later"
        let rig = PassRig(["a.yaml": Self.manifest("1", uri: uri)])
        await rig.backend.remove(uri)
        try await rig.running { controller in
            try await ControllerTests.wait(controller) {
                $0?.phase == .preparing && $0?.waiting?.cause.contains("there is no \(uri)") == true
            }
            let status = try #require(await controller.status().deployments.first)
            #expect(status.waiting?.cause.contains("version 1") == true)
            #expect(status.waiting?.remedy?.contains("'mlctl retry'") == true)
            #expect(status.condition(.reconciling)?.status == "True" && status.condition(.stalled)?.status == "False")
            // Until here it takes half a minute at most. The command tries at once.
            try await rig.wait("tries are rare") { await rig.backend.pinned.count >= 3 }
            let tries = await rig.backend.pinned.count
            try await rig.act(.retry, controller)
            try await rig.wait("tried") { await rig.backend.pinned.count > tries }
            let explained = try await controller.explanation(of: PassRig.key)
            #expect(explained.outlook.map(\.when).contains("on 'mlctl retry'"))
            let events = try await controller.events(matching: EventFilter(), limit: 10)
            #expect(events.contains { $0.event.kind == .retried })
        }
    }

    @Test("a new version whose files cannot be pinned is shown as Preparing beside the one that serves")
    func failedPinOfNext() async throws {
        let rig = PassRig(["a.yaml": Self.manifest("1")])
        await rig.backend.hold(Self.first, at: Self.uri)
        try await rig.running { controller in
            let one = try await served(controller, "1")
            await rig.commit(["a.yaml": Self.manifest("2", uri: "https://models/missing/2")], "c2")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) {
                $0?.phase == .preparing && $0?.stable?.revision == one
                    && $0?.waiting?.cause.contains("version 2") == true
            }
            let status = try #require(await controller.status().deployments.first)
            #expect(status.condition(.available)?.status == "True")
            try await rig.act(.retry, controller)
            await rig.commit(["a.yaml": Self.manifest("1")], "c3")
            _ = try await controller.sync()
            #expect(try await served(controller, "1") == one)
            #expect(await rig.backend.pinned.count { $0 == Self.uri } == 1)
        }
    }

    @Test("if the record is lost, what serves keeps its files")
    func lostRecord() async throws {
        let rig = PassRig(["a.yaml": Self.manifest("1")])
        await rig.backend.hold(Self.first, at: Self.uri)
        try await rig.running { _ = try await served($0, "1") }
        let plan = try #require(await rig.backend.plans[PassRig.key])
        await rig.backend.hold(Self.second, at: Self.uri)
        var bare = PassRig(["a.yaml": Self.manifest("1")])
        bare.restingInterval = .milliseconds(20)
        try await bare.backend.apply(plan)
        await bare.backend.rememberPlans()
        await bare.backend.hold(Self.second, at: Self.uri)
        let lost = bare
        try await lost.running { controller in
            try await lost.wait("pinned") { await !lost.backend.pinned.isEmpty }
            #expect(try await served(controller, "1") == plan.revisions[0].revision)
            try await nextCheck(lost, controller)
            let events = try await controller.events(matching: EventFilter(), limit: 10)
            #expect(!events.contains { $0.event.kind == .rolloutStarted })
        }
    }

    @Test("who was first keeps their place in the limits while their files are still being read, also over a restart")
    func firstInTheLimits() async throws {
        let zebra = Self.manifest("1", name: "zebra", uri: "https://models/hangs/z")
        let rig = PassRig(["z.yaml": zebra])
        rig.backend.pinning.close()
        let policy = ProjectPolicy(limits: ProjectLimits(deployments: 1))
        let both = ["z.yaml": zebra, "a.yaml": Self.manifest("1", name: "ape")]
        try await rig.running(policy: policy) { controller in
            try await ControllerTests.wait(controller, "zebra") { $0?.phase == .preparing }
            await rig.commit(both, "c2")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller, "ape") { $0?.message.contains("has no room for it") == true }
            #expect(await controller.status().deployments.first { $0.name == "zebra" }?.phase == .preparing)
        }
        rig.backend.pinning.close()
        try await rig.running(policy: policy) { controller in
            try await ControllerTests.wait(controller, "ape") { $0?.message.contains("has no room for it") == true }
            rig.backend.pinning.open()
            try await ControllerTests.wait(controller, "zebra") { $0?.phase == .healthy }
            #expect(await controller.status().deployments.first { $0.name == "ape" }?.phase == .idle)
        }
    }

    @Test("a deployment that was never valid is gone from the status with its manifest, whatever else is invalid")
    func neverValid() async throws {
        let bad =
            "apiVersion: mlctl.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: bad, namespace: test}\nspec: {}\n"
        let unpinned = Self.manifest("1", name: "bad", uri: "https://models/missing/1")
        for never in [bad, unpinned] {
            for broken in [
                "a: [", bad.replacing("name: bad", with: "name: worse"), "kind: ModelDeployment\nspec: {}\n",
            ] {
                let rig = PassRig(["a.yaml": Self.manifest("1"), "bad.yaml": never, "broken.yaml": broken])
                try await rig.running { controller in
                    try await ControllerTests.wait(controller, "bad") { $0 != nil && $0?.waitingFor != nil }
                    await rig.commit(["a.yaml": Self.manifest("1"), "broken.yaml": broken], "c2")
                    _ = try await controller.sync()
                    try await ControllerTests.wait(controller, "bad") { $0 == nil }
                    #expect(await controller.status().deployments.contains { $0.name == "model" })
                }
            }
        }
    }
}

import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// No failed step ends the whole pass, and none waits without limit for other components.
@Suite("A pass while another component fails or hangs", .timeLimit(.minutes(10)))
struct PassTests {
    private static let away = ControlError(.unavailable, "it is away")

    @Test("with 40 deployments whose file server hangs, a bad candidate loses its traffic, and commands are answered")
    func hangingFileServer() async throws {
        var files = ["a.yaml": PassRig.manifest("1")]
        for number in 0..<40 {
            files["dead-\(number).yaml"] = PassRig.manifest(
                "1", name: "dead-\(number)", uri: "file:///srv/hangs/model-\(number)")
        }
        let rig = PassRig(files)
        rig.backend.pinning.close()
        let all = files
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.ready == 1 }
            var files = all
            files["a.yaml"] = PassRig.manifest("2")
            await rig.commit(files, "c2")
            #expect(try await controller.sync().commit == "c2")
            try await ControllerTests.wait(controller) { $0?.candidate?.weight == 50 }
            let bad = try #require(await controller.status().deployments.first { $0.name == "model" }?.candidate)
            await rig.counters.makeFailing(bad.revision)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack && $0?.candidate == nil }
            #expect((await rig.weights()[bad.revision] ?? 0) == 0)
            _ = try await controller.act(OperatorCommand(.suspend), on: PassRig.key)
            try await ControllerTests.wait(controller, "dead-7") { $0?.message.contains("/srv/hangs/model-7") == true }
            #expect(rig.backend.pinning.waitingCount == 8)
            rig.backend.pinning.open()
            for number in 0..<40 {
                try await ControllerTests.wait(controller, "dead-\(number)") { $0?.phase == .healthy }
            }
        }
    }

    @Test("while model files are being pinned, the previous version serves, and a newer commit pins its own files")
    func newCommitDuringPin() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1", uri: "https://models/1", rollout: ControllerTests.ungated)])
        rig.backend.pinning.close()
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await rig.commit(["a.yaml": PassRig.manifest("2", uri: "https://models/hangs/2")], "c2")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.message.contains("https://models/hangs/2") == true }
            _ = try await controller.act(OperatorCommand(.suspend), on: PassRig.key)
            _ = try await controller.act(OperatorCommand(.resume), on: PassRig.key)
            #expect(await controller.status().deployments.first?.stable?.version == "1")
            await rig.commit(
                ["a.yaml": PassRig.manifest("3", uri: "https://models/3", rollout: ControllerTests.ungated)], "c3")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "3" }
            #expect(await controller.status().deployments.first?.message.contains("hangs") == false)
        }
    }

    @Test("model files that cannot be pinned in time, or at all, are reported and tried again")
    func pinFails() async throws {
        let rig = PassRig([
            "a.yaml": PassRig.manifest("1", uri: "https://models/hangs/1"),
            "b.yaml": PassRig.manifest("1", name: "other", uri: "https://models/missing/1"),
        ])
        rig.backend.pinning.close()
        var limits = PassRig.limits
        limits.pinning = .milliseconds(100)
        try await rig.running(limits: limits) { controller in
            try await ControllerTests.wait(controller) { $0?.message.contains("could not be read within") == true }
            try await ControllerTests.wait(controller, "other") { $0?.message.contains("there is no") == true }
            let tries = await rig.backend.pinned.count { $0 == "https://models/missing/1" }
            try await rig.wait("tried again") {
                await rig.backend.pinned.count { $0 == "https://models/missing/1" } > tries + 1
            }
            rig.backend.pinning.open()
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
        }
    }

    @Test(
        "a deployment that cannot be observed is not gone: nothing is decided, commands are refused with the reason, and an abort works"
    )
    func observingHangs() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(controller)
            rig.backend.observing.close()
            let refused = await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.promote(full: true)), on: PassRig.key)
            }
            #expect(refused?.code == .unavailable)
            #expect(refused?.message.contains("nothing is decided") == true)
            #expect(await rig.weights() == [stable: 50, candidate: 50])
            try await ControllerTests.wait(controller) { $0?.message.contains("has not answered") == true }

            _ = try await controller.act(OperatorCommand(.abort), on: PassRig.key)
            try await rig.wait("the candidate has no traffic") { await rig.weights()[candidate] == 0 }
            #expect(await rig.weights()[stable] == 100)
            #expect(await rig.backend.plans[PassRig.key]?.revisions.count == 2)
            rig.backend.observing.open()
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
        }
    }

    @Test("a backend that cannot be observed is reported, and its deployments stay as they are")
    func observingFails() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(controller)
            await rig.backend.fail(with: Self.away)
            try await ControllerTests.wait(controller) { $0?.message.contains("it is away") == true }
            #expect(await rig.weights() == [stable: 50, candidate: 50])
            #expect(await controller.status().deployments.first?.phase == .paused)
            await rig.backend.fail(with: nil)
            try await ControllerTests.wait(controller) { $0?.message.contains("it is away") == false }
        }
    }

    @Test("a manifest that the site refuses is reported, while gates and commands continue")
    func announcingRefused() async throws {
        var cluster = PassRig(["a.yaml": PassRig.inCluster(PassRig.manifest("1"))])
        cluster.isCluster = true
        let rig = cluster
        try await rig.running { controller in
            let (_, candidate) = try await rig.startCandidate(controller)
            await rig.register.refuse(with: ControlError(.invalid, "a policy refuses it"))
            await rig.register.tamper(with: PassRig.key)
            try await ControllerTests.wait(controller) { $0?.message.contains("a policy refuses it") == true }
            await rig.counters.makeFailing(candidate)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            try await rig.act(.suspend, controller)
            await rig.register.refuse(with: nil)
            // An operator who fixes the problem need not wait for the next retry.
            try await rig.act(.resume, controller)
            try await ControllerTests.wait(controller) { $0?.message.contains("a policy refuses it") == false }
        }
    }

    @Test("an invalid manifest is reported with its time, whatever else is committed, until it is corrected")
    func invalidSince() async throws {
        let good = PassRig.manifest("1")
        let rig = PassRig(["a.yaml": good])
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.waiting == nil }
            await rig.commit(["a.yaml": PassRig.manifest("1", more: "  replicas: -1")], "c2")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) {
                $0?.waiting?.cause.contains("its manifest is invalid") == true
            }
            let since = try #require(await controller.status().deployments.first?.waiting?.since)
            await rig.commit(["a.yaml": PassRig.manifest("1", more: "  replicas: -2")], "c3")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.waiting?.cause.contains("-2") == true }
            #expect(await controller.status().deployments.first?.waiting?.since == since)
            await rig.commit(["a.yaml": good], "c4")
            _ = try await controller.sync()
            try await ControllerTests.wait(controller) { $0?.waiting == nil }
        }
    }

    @Test("missing readings are reported, and commands continue to work")
    func readingsHang() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            _ = try await rig.startCandidate(controller)
            rig.counters.barrier.close()
            try await ControllerTests.wait(controller) { $0?.message.contains("no readings") == true }
            _ = try await controller.act(OperatorCommand(.abort), on: PassRig.key)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
        }
    }

    @Test("a backend that hangs while applying a plan delays neither an abort nor what comes after it")
    func applyingHangs() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        try await rig.running { controller in
            let (stable, candidate) = try await rig.startCandidate(controller)
            rig.backend.applying.close()
            try await ControllerTests.wait(controller) { $0?.message.contains("told what to serve") == true }
            let status = try await controller.act(OperatorCommand(.abort), on: PassRig.key)
            #expect(status.phase == .rollingBack)
            // The hanging call ignores cancellation and is forgotten in the end.
            try await rig.wait("the next plan is on its way") { rig.backend.applying.waitingCount > 1 }
            rig.backend.applying.open()
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            try await rig.wait("the candidate is retired") { await rig.weights() == [stable: 100] }
            _ = candidate
        }
    }

    @Test("a notifier or a site's status that hangs delays no pass; the latest status is sent when they answer")
    func tellingHangs() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1")])
        rig.notifier.barrier.close()
        rig.register.reporting.close()
        try await rig.running { controller in
            let (_, candidate) = try await rig.startCandidate(controller)
            await rig.counters.makeFailing(candidate)
            try await ControllerTests.wait(controller) { $0?.phase == .rolledBack }
            #expect(await rig.notifier.notices.isEmpty)
            rig.notifier.barrier.open()
            rig.register.reporting.open()
            try await rig.wait("notices") { await rig.notifier.notices.map(\.kind) == [.promoted, .rolledBack] }
            try await rig.wait("status") { await rig.register.reported[PassRig.key]?.phase == .rolledBack }
        }
    }

    @Test("a late answer is used by the next pass: slow is not gone")
    func slowBackend() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1", rollout: ControllerTests.ungated)])
        rig.backend.observing.close()
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.message.contains("has not answered") == true }
            // From now on every observation takes longer than a pass waits for it.
            for _ in 0..<2000 {
                if await controller.status().deployments.first?.phase == .healthy { break }
                try await rig.wait("asked, or done") {
                    let phase = await controller.status().deployments.first?.phase
                    return rig.backend.observing.waitingCount > 0 || phase == .healthy
                }
                try await ContinuousClock().sleep(for: .milliseconds(250))
                rig.backend.observing.open()
                rig.backend.observing.close()
            }
            #expect(await controller.status().deployments.first?.phase == .healthy)
        }
    }

    @Test("sync answers while changed deployments hang, and counts them; deployments that serve come before new ones")
    func manyNewDeployments() async throws {
        let rig = PassRig(["a.yaml": PassRig.manifest("1", rollout: ControllerTests.ungated)])
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await rig.backend.exempt([PassRig.key])
            rig.backend.observing.close()
            var files = ["a.yaml": PassRig.manifest("1", rollout: ControllerTests.ungated)]
            for number in 0..<300 { files["new-\(number).yaml"] = PassRig.manifest("1", name: "new-\(number)") }
            await rig.commit(files, "c2")
            let source = try await controller.sync()
            #expect(source.commit == "c2")
            #expect(source.awaited ?? 0 > 250)
            files["a.yaml"] = PassRig.manifest("2", rollout: ControllerTests.ungated)
            await rig.commit(files, "c3")
            #expect(try await controller.sync().awaited == nil)
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.version == "2" }
            #expect(rig.backend.observing.waitingCount < 300)
        }
    }
}

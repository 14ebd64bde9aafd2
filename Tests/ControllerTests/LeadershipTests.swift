import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("A controller in an election")
struct LeadershipTests {
    private static let files = ["a.yaml": SitesTests.manifest("1", cluster: "prod")]

    @Test("decides and applies nothing while another one leads, says so, and can take over")
    func follower() async throws {
        let rig = SitesTests.Rig(Self.files, leadership: ScriptedLeadership(leads: false, leader: "mlctl-0"))
        try await rig.running { controller in
            _ = try await controller.sync()
            #expect(await controller.isReady())
            #expect(await controller.metrics().contains("\nmlctl_leader 0\n"))
            let status = try #require(await controller.status().deployments.first)
            #expect(status.message.contains("mlctl-0 leads"))
            let refused = await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.retry), on: SitesTests.key)
            }
            #expect(refused?.code == .unavailable && refused?.message.contains("mlctl-0") == true)
            #expect(await rig.prod.backend.applied == 0)
            #expect(try await rig.prod.store.records().isEmpty)
            #expect(await rig.prod.register.writes == 0)

            rig.leadership?.set(leads: true)
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            #expect(await controller.metrics().contains("\nmlctl_leader 1\n"))
        }
    }

    @Test("does not carry out a decision after the lead was lost; the next leader does")
    func lostInBetween() async throws {
        let leadership = ScriptedLeadership(leads: true)
        let rig = SitesTests.Rig(Self.files, leadership: leadership)
        await rig.prod.store.whenSwapped { leadership.set(leads: false, leader: "mlctl-1") }
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.message.contains("mlctl-1 leads") == true }
            #expect(try await rig.prod.store.records().count == 1)
            #expect(await rig.prod.backend.applied == 0)
            await rig.prod.store.whenSwapped(nil)
            // It leads again: it continues from the record, and starts nothing again.
            leadership.set(leads: true)
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let started = await rig.prod.store.events(matching: EventFilter(), limit: 100)
                .filter { $0.event.kind == .rolloutStarted }
            #expect(started.count == 1)
        }
    }

    @Test("reports what prevents it from leading, if known, instead of the last leader")
    func cutOff() async throws {
        let rig = SitesTests.Rig(Self.files, leadership: ScriptedLeadership(leads: true))
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            rig.leadership?.set(leads: false, leader: "mlctl-1", problem: "connection refused")
            try await ControllerTests.wait(controller) { $0?.message.contains("connection refused") == true }
            #expect(await controller.status().deployments.first?.message.contains("mlctl-1 leads") == false)
        }
    }

    @Test("shows its last known state, with its age, if the leader is unknown, and changes nothing")
    func lastKnown() async throws {
        let rig = SitesTests.Rig(Self.files, leadership: ScriptedLeadership(leads: true))
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.ready == 1 }
            let applied = await rig.prod.backend.applied
            rig.leadership?.set(leads: false, problem: "connection refused")
            try await ControllerTests.wait(controller) { $0?.lastSeenAt != nil }
            let status = await controller.status()
            let found = try #require(status.deployments.first)
            #expect(found.phase == .healthy && found.stable?.version == "1" && found.stable?.ready == 1)
            #expect(found.condition(.ready)?.status == "Unknown" && found.condition(.available)?.status == "Unknown")
            #expect(found.message.contains("connection refused") && found.message.contains("last observed at"))
            #expect(found.waiting?.since != nil && found.availableSince == nil)
            #expect(status.sites.allSatisfy { !$0.reachable && $0.reason?.contains("connection refused") == true })
            #expect(try await controller.explanation(of: SitesTests.key).status == found)
            #expect(try await controller.history(of: SitesTests.key).map(\.version) == ["1"])
            let metrics = await controller.metrics()
            #expect(metrics.contains(#"mlctl_deployment_last_seen_timestamp_seconds{name="model""#))
            #expect(metrics.contains("mlctl_site_reachable{site=\"cluster prod\"} 0"))
            guard case .standsBy(nil, nil, _, remembers: true) = await controller.standing() else {
                Issue.record("\(await controller.standing())")
                return
            }
            let refused = await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.suspend), on: SitesTests.key)
            }
            #expect(refused?.code == .unavailable && refused?.message.contains("connection refused") == true)
            await rig.commit(["a.yaml": SitesTests.manifest("2", cluster: "prod")], "c2")
            _ = try await controller.sync()
            #expect(await controller.status().deployments.first?.stable?.version == "1")
            #expect(await rig.prod.backend.applied == applied)

            // It leads again, and its site cannot be read at first: the last known state is still shown.
            await rig.prod.store.fail(with: SitesTests.away)
            rig.leadership?.set(leads: true)
            try await ControllerTests.wait(controller) {
                $0?.message.contains("cluster prod cannot be reached") == true && $0?.stable?.version == "1"
                    && $0?.phase == .healthy && $0?.condition(.ready)?.status == "Unknown"
            }
            let blind = await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.suspend), on: SitesTests.key)
            }
            #expect(blind?.message.contains("the API server is away") == true)
            await rig.prod.store.fail(with: nil)
            try await ControllerTests.wait(controller) {
                $0?.phase == .healthy && $0?.stable?.version == "2" && $0?.lastSeenAt == nil
            }
        }
    }

    @Test("drops its last known state if another one leads, because that one knows the current state")
    func overtaken() async throws {
        let rig = SitesTests.Rig(Self.files, leadership: ScriptedLeadership(leads: true))
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            rig.leadership?.set(leads: false, problem: "connection refused")
            try await ControllerTests.wait(controller) { $0?.lastSeenAt != nil }
            rig.leadership?.set(leads: false, leader: "mlctl-1")
            try await ControllerTests.wait(controller) {
                $0?.lastSeenAt == nil && $0?.stable == nil && $0?.message.contains("mlctl-1 leads") == true
            }
            guard case .standsBy("mlctl-1", _, _, remembers: false) = await controller.standing() else {
                Issue.record("\(await controller.standing())")
                return
            }
        }
    }

    @Test("reads again what others have decided when it leads again")
    func handOver() async throws {
        let rig = SitesTests.Rig(Self.files, leadership: ScriptedLeadership(leads: true))
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            rig.leadership?.set(leads: false, leader: "mlctl-1")
            try await ControllerTests.wait(controller) { $0?.message.contains("mlctl-1 leads") == true }
            // The other controller suspends it.
            let record = try #require(try await rig.prod.store.record(for: SitesTests.key))
            var state = try JSONDecoder().decode(RolloutState.self, from: record.state)
            state.isSuspended = true
            try await rig.prod.store.swap(
                SitesTests.key, expecting: record.version, state: try JSONEncoder().encode(state), events: [])
            rig.leadership?.set(leads: true)
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            await rig.commit(["a.yaml": SitesTests.manifest("2", cluster: "prod")], "c2")
            _ = try await controller.sync()
            #expect(await controller.status().deployments.first?.stable?.version == "1")
            #expect(await controller.status().deployments.first?.candidate == nil)
        }
    }

    @Test("gives up the lead only when its passes have ended")
    func drains() async throws {
        let rig = SitesTests.Rig(Self.files, leadership: ScriptedLeadership(leads: true))
        let controller = rig.controller()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            controller.drain()
            try await group.waitForAll()
        }
        #expect(rig.leadership?.hasEnded == true)
    }
}

import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import Controller

@Suite("A controller that accepts outcomes")
struct OutcomeIntakeTests {
    private let key: RequestIdentityKey

    init() throws { key = try #require(RequestIdentityKey(Array(0..<16))) }

    private func report(_ revision: Revision, of deployment: DeploymentKey, value: Double = 1) -> ReportedOutcome {
        let now = UInt32(Date().timeIntervalSince1970)
        return ReportedOutcome(
            requestId: RequestIdentity(revision: revision, atSeconds: now, random: 1).text(of: deployment, key: key),
            label: "correct", value: value)
    }

    @Test("counts outcomes of the serving revision, once, and refuses others")
    func counts() async throws {
        let rig = ControllerTests.Rig(["a.yaml": ControllerTests.manifest("1")])
        let store = InMemoryOutcomeStore()
        let key = key
        let deployment = DeploymentKey(namespace: "test", name: "model")
        try await rig.running(outcomes: store, requestIdKey: key) { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let revision = try #require(await controller.status().deployments.first?.stable?.revision)
            let batch = [
                report(revision, of: deployment), report(revision, of: deployment),
                report(revision, of: DeploymentKey(name: "other")),
                report(Revision(rawValue: "0000000000"), of: deployment), report(revision, of: deployment, value: -1),
            ]
            let receipt = try await controller.report(batch)
            #expect(receipt.accepted == 1 && receipt.repeated == 1 && receipt.refused == 3)
            let readings = await store.totals(of: deployment, revisions: [revision], labels: ["correct"], since: nil)
            #expect(readings.map(\.counters.named) == [["correct.count": 1, "correct.sum": 1]])
        }
    }

    @Test("says so if it does not store outcomes, and accepts none before it has started to work")
    func unavailable() async throws {
        let rig = ControllerTests.Rig(["a.yaml": ControllerTests.manifest("1")])
        let idle = rig.controller(outcomes: InMemoryOutcomeStore(), requestIdKey: key)
        await #expect(throws: ControlError.self) { try await idle.report([]) }
        #expect(await idle.revisionsInUse() == nil)
        try await rig.running { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let error = await #expect(throws: ControlError.self) { try await controller.report([]) }
            #expect(error?.message == "this controller does not store outcomes")
        }
    }

    @Test("refuses outcomes of a deployment that has issued no ids yet")
    func keyless() async throws {
        let rig = ControllerTests.Rig(["a.yaml": ControllerTests.manifest("1")])
        let deployment = DeploymentKey(namespace: "test", name: "model")
        try await rig.running(outcomes: InMemoryOutcomeStore()) { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let revision = try #require(await controller.status().deployments.first?.stable?.revision)
            let receipt = try await controller.report([report(revision, of: deployment)])
            #expect(receipt.refused == 1)
            #expect(receipt.refusals.first?.reason.contains("no request has an id yet") == true)
            #expect(await controller.revisionsInUse() == [deployment: [revision]])
        }
    }
}

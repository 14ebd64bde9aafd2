import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import Controller

@Suite("A controller that takes outcomes")
struct OutcomeIntakeTests {
    private let key: RequestIdentityKey

    init() throws { key = try #require(RequestIdentityKey(Array(0..<16))) }

    private func report(_ revision: Revision, of deployment: DeploymentKey, value: Double = 1) -> ReportedOutcome {
        let now = UInt32(Date().timeIntervalSince1970)
        return ReportedOutcome(
            requestId: RequestIdentity(revision: revision, atSeconds: now, random: 1).text(of: deployment, key: key),
            label: "correct", value: value)
    }

    @Test("counts those of the revision that serves, once, and refuses others")
    func counts() async throws {
        let rig = ControllerTests.Rig(["a.yaml": ControllerTests.manifest("1")])
        let store = InMemoryOutcomeStore()
        let key = key
        let deployment = DeploymentKey(namespace: "test", name: "model")
        try await rig.running(outcomes: OutcomeIntake(store: store, key: { key })) { controller in
            try await ControllerTests.wait(controller) { $0?.phase == .healthy }
            let revision = try #require(await controller.status().deployments.first?.stable?.revision)
            let batch = [
                report(revision, of: deployment), report(revision, of: deployment),
                report(revision, of: DeploymentKey(name: "other")),
                report(Revision(rawValue: "0000000000"), of: deployment), report(revision, of: deployment, value: -1),
            ]
            let receipt = try await controller.report(batch)
            #expect(receipt.accepted == 1 && receipt.repeated == 1 && receipt.refused == 3)
            let inquiry = Inquiry(
                id: "outcomes/1", deployment: deployment,
                question: .counters(
                    source: MetricSourceName.outcomes, ratios: [CounterRatio(outcome: "correct")]),
                stable: nil, candidate: .init(revision: revision, version: "1", instances: []))
            guard case .counters(let readings) = await OutcomeInquirer(store: store).answer(inquiry) else {
                Issue.record("no counters")
                return
            }
            #expect(readings.map(\.counters.named) == [["correct.count": 1, "correct.sum": 1]])
        }
    }

    @Test("says so where it keeps none, or no request has got an id yet")
    func unavailable() async throws {
        let rig = ControllerTests.Rig(["a.yaml": ControllerTests.manifest("1")])
        await #expect(throws: ControlError.self) { try await rig.controller().report([]) }
        let keyless = rig.controller(outcomes: OutcomeIntake(store: InMemoryOutcomeStore(), key: { nil }))
        await #expect(throws: ControlError.self) { try await keyless.report([]) }
    }

    @Test("answers no question about another source")
    func otherQuestion() async {
        let inquiry = Inquiry(
            id: "x/1", deployment: DeploymentKey(name: "model"), question: .counters(source: "prometheus", ratios: []),
            stable: nil, candidate: .init(revision: Revision(rawValue: "a"), version: "1", instances: []))
        let answer = await OutcomeInquirer(store: InMemoryOutcomeStore()).answer(inquiry)
        #expect(answer == .failed("not a question about outcomes"))
    }
}

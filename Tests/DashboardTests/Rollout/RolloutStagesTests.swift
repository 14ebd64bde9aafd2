import ControlPorts
import Foundation
import ModelManifests
import Testing

@testable import Dashboard

@Suite("The stages of a rollout")
struct RolloutStagesTests {
    private typealias Samples = DashboardSamples

    @Test("follow each other from the commit to the verdict, each as long as it took")
    func stages() throws {
        let trail = try #require(
            RolloutTrail(of: Samples.candidate, in: Samples.events.reversed(), now: Samples.now))
        #expect(
            trail.stages.map(\.words) == [
                "Fetch, load and warm up", "Step 1 of 4: set weight 10 %", "Step 2 of 4: pause 1m", "Rollback",
            ])
        #expect(trail.stages.map(\.startSeconds) == [0, 10, 20, 50])
        #expect(trail.stages.map(\.seconds) == [10, 10, 30, 2])
        #expect(trail.seconds == 52 && trail.endedAt != nil && trail.stages.allSatisfy { !$0.isOpen })
    }

    @Test("the last one of a rollout in flight is open until now")
    func open() throws {
        let events = Array(Samples.events.prefix(3))
        let trail = try #require(RolloutTrail(of: Samples.candidate, in: events.reversed(), now: Samples.now))
        #expect(trail.endedAt == nil && trail.stages.last?.length == "1 min 20 s so far")
    }

    @Test("only the newest rollout of a revision counts, and what follows it does not")
    func newest() throws {
        let again = [
            Samples.event(8, .rolloutStarted, at: 60), Samples.event(9, .superseded, at: 70),
            Samples.event(10, .rolloutStarted, at: 70, revision: Revision(rawValue: "dddddddddd")),
        ]
        let trail = try #require(
            RolloutTrail(of: Samples.candidate, in: (Samples.events + again).reversed(), now: Samples.now))
        #expect(trail.events.map(\.id) == [8, 9] && trail.stages.count == 1)
        #expect(
            RolloutTrail(of: Revision(rawValue: "eeeeeeeeee"), in: Samples.events.reversed(), now: Samples.now) == nil)
    }

    @Test("the page of a rollout that failed has the evidence of the decision, not that of now")
    func evidence() throws {
        let trail = try #require(
            RolloutTrail(of: Samples.candidate, in: Samples.events.reversed(), now: Samples.now))
        var explanation = Samples.explanation(Samples.status("fraud", .rolledBack))
        explanation.gates = []
        let page = RolloutPage(
            trail, of: explanation, entry: nil, traffic: TrafficPoints(), now: Samples.now)
        #expect(page.gates.map(\.name) == ["errors"] && page.gates[0].odds != nil && page.badge.words == "rolled back")
        #expect(page.failedRequests == ["bbbbbbbbbb-1"] && page.traffic == nil && page.total == "52 s")
    }
}

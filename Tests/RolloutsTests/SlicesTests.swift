import Analysis
import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import Rollouts

@Suite("Rollouts that are evaluated on slices of the traffic")
struct SlicesTests {
    private static let country = TrafficSlice(
        name: "country", key: .header("x-country"), values: .listed(["DE", "FR", "IT"]))

    private func deployment(_ version: String) -> ModelDeployment {
        var rollout = RolloutSpec.twoSteps
        rollout.slices = [Self.country]
        rollout.steps.insert(RolloutStep(.pause(nil)), at: 1)
        var deployment = ModelDeployment.example(version, rollout: rollout)
        deployment.endpoint.slices = [Self.country]
        return deployment
    }

    /// A tenth of each instance's requests are from DE. The rest are from FR and IT; three of ten of those fail
    /// everywhere. The candidate also fails the requests from DE.
    private func runTold(failing: Bool) -> World {
        var world = World.serving("good-1")
        world.commit(deployment("good-2"))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        let candidate = world.state?.rollout?.candidate.revision
        for _ in 0..<80 where world.state?.rollout?.withdrawal == nil {
            world.pass()
            world.passTime()
            for index in world.instances.indices {
                let total = world.instances[index].counters.requests
                let german = total / 10
                let errors = failing && world.instances[index].revision == candidate ? german : 0
                let others = (total - german) / 2
                let usual = others * 3 / 10
                world.instances[index].counters.errors = errors + 2 * usual
                world.instances[index].counters.errorsTogether = errors + 2 * usual
                world.instances[index].counters.slices = [
                    "country=DE": SliceCounters(requests: german, errors: errors, errorsTogether: errors),
                    "country=FR": SliceCounters(requests: others, errors: usual, errorsTogether: usual),
                    "country=IT": SliceCounters(requests: others, errors: usual, errorsTogether: usual),
                    "country=other": SliceCounters(),
                ]
            }
        }
        return world
    }

    @Test("a slice that fails withdraws the candidate, and is named in the event, in the status and in the quarantine")
    func fails() throws {
        let world = runTold(failing: true)
        let failed = try #require(world.events.first { $0.kind == .gateFailed })
        #expect(failed.message.hasPrefix("gate errors failed: in country=DE candidate "))
        #expect(world.state?.phase == .rollingBack)
        #expect(world.state?.quarantined.first?.reason.contains("in country=DE") == true)
        #expect(world.state?.gateSummaries.first?.reason.hasPrefix("in country=DE candidate ") == true)
    }

    @Test("good slices fail nothing, and their counts are recorded as evidence, not as a decision")
    func well() throws {
        let world = runTold(failing: false)
        #expect(world.state?.rollout?.withdrawal == nil)
        #expect(world.state?.gateSummaries.first?.reason.contains("; none of 4 slices stands out") == true)
        let told = world.writes.suffix(20)
        #expect(told.allSatisfy { $0 <= .evidence })
    }

    @Test("a manifest that asks for slices during a rollout changes the next one")
    func midRollout() throws {
        var world = World.serving("good-1")
        var rollout = RolloutSpec.twoSteps
        rollout.steps.insert(RolloutStep(.pause(nil)), at: 1)
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        world.commit(deployment("good-2"))
        world.run(limit: 5) { _ in false }
        #expect(world.state?.gateSummaries.first?.reason.contains("slice") == false)
    }

    @Test("of latencies, only requests over the bounds that gates chose are kept, including clients that gave up")
    func latencies() throws {
        let bounds = [0.1, 0.2, 0.4, 0.8]
        let counters = SliceCounters(
            requests: 10, errors: 1, rejected: 2, errorsTogether: 1,
            buckets: [
                .init(index: 0, answered: 4, abandoned: 1, together: 0),
                .init(index: 2, answered: 3, abandoned: 0, together: 9),
                .init(index: 4, answered: 3, abandoned: 2, together: 7),
            ])
        func slow(_ edge: Double) -> SliceCounts.SlowCounts? {
            SliceCounts(counters, bounds: bounds, slowEdges: [edge]).slow.first
        }
        #expect(slow(0.1) == .init(edge: 0.1, requests: 12, slow: 8, together: 9))
        #expect(slow(0.2) == .init(edge: 0.2, requests: 12, slow: 8, together: 9))
        #expect(slow(0.4) == .init(edge: 0.4, requests: 12, slow: 5, together: 7))
        #expect(slow(0.8) == .init(edge: 0.8, requests: 12, slow: 5, together: 7))
        #expect(slow(0.3) == nil)
        let reading = RequestCounters(requests: 10, bounds: bounds, slices: ["a=x": counters])
        #expect(SideCounts(reading).slices == nil, "history is no evidence")
        #expect(
            SideCounts(reading, slowEdges: []).slices == [
                "a=x": SliceCounts(requests: 10, errors: 1, rejected: 2, errorsTogether: 1)
            ])
    }
}

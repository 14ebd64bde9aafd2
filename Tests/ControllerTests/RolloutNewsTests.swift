import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Controller

@Suite("News of a state")
struct RolloutNewsTests {
    /// 20 % until all gates pass.
    private static let evident = RolloutSpec(
        steps: [RolloutStep(.setWeight(20), advance: .evidence), RolloutStep(.setWeight(100))],
        gates: [GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))])

    /// A candidate at 20 % whose evidence is coming in.
    private func progressing(requests: Int = 40) -> World {
        var world = World.serving("good-1")
        world.requestsPerTick = requests
        world.commit(.example("good-2", rollout: Self.evident))
        world.run(limit: 60) { $0.phase == .progressing }
        world.passTime()
        world.pass()
        return world
    }

    @Test("there is none where only the time of the look differs")
    func nothing() throws {
        var world = World.serving("good-1")
        let before = try #require(world.state)
        world.passTime()
        world.pass()
        let after = try #require(world.state)
        #expect(after.decidedAt > before.decidedAt)
        #expect(after.news(since: before) == .nothing)
    }

    @Test("there is none in a paused rollout without traffic, however often it is looked at")
    func pausedWithoutTraffic() throws {
        var world = progressing(requests: 0)
        world.command(.pause)
        world.pass()
        let before = try #require(world.state)
        #expect(before.phase == .paused)
        for _ in 0..<50 {
            world.passTime()
            world.pass()
        }
        let after = try #require(world.state)
        #expect(after.news(since: before) == .nothing)
    }

    @Test("is the clock where time counts towards the deadline, and evidence where the counters moved")
    func evidence() throws {
        var quiet = progressing(requests: 0)
        let before = try #require(quiet.state)
        quiet.passTime()
        quiet.pass()
        #expect(quiet.state?.news(since: before) == .clock)
        var busy = progressing()
        let learnt = try #require(busy.state)
        busy.passTime()
        busy.pass()
        #expect(busy.state?.phase == .progressing)
        #expect(busy.state?.news(since: learnt) == .evidence)
    }

    @Test(
        "is a decision where anything else differs: phase, weight, settings, verdict, quarantine, a record that is new")
    func decisions() throws {
        let state = try #require(progressing().state)
        #expect(state.news(since: nil) == .decision)
        func changed(_ change: (inout RolloutState) -> Void) -> RolloutNews {
            var other = state
            change(&other)
            return other.news(since: state)
        }
        #expect(changed { _ in } == .nothing)
        #expect(changed { $0.phase = .paused } == .decision)
        #expect(changed { $0.message = "another" } == .decision)
        #expect(changed { $0.rollout?.weight = 7 } == .decision)
        #expect(changed { $0.rollout?.stepIndex += 1 } == .decision)
        #expect(changed { $0.rollout?.hold = .insufficientEvidence } == .decision)
        #expect(changed { $0.settings.replicas = 9 } == .decision)
        #expect(changed { $0.isSuspended = true } == .decision)
        #expect(changed { $0.rollout = nil } == .decision)
        #expect(changed { $0.waitsFor = ["somebody"] } == .decision)
        var failed = World.serving("good-1")
        failed.commit(.example("bad-2", rollout: Self.evident))
        failed.run(limit: 60) { $0.phase == .progressing }
        let before = try #require(failed.state)
        failed.run(limit: 200) { $0.phase == .rollingBack }
        #expect(failed.state?.news(since: before) == .decision)
    }

    @Test(
        "is written at once where it is a decision, evidence every five seconds at most, and never where there is none")
    func due() {
        func isDue(_ news: RolloutNews, _ seconds: Double, inFlight: Int = 1) -> Bool {
            RecordPace.isDue(
                news, since: .seconds(seconds), progressDeadline: .seconds(1800), inFlight: inFlight)
        }
        #expect(isDue(.decision, 0))
        #expect(!isDue(.evidence, 4.9) && isDue(.evidence, 5))
        #expect(!isDue(.clock, 80) && isDue(.clock, 90))
        #expect(!isDue(.nothing, 1_000_000))
        // A thousand rollouts that all learn write 25 records a second together.
        #expect(!isDue(.evidence, 39, inFlight: 1000) && isDue(.evidence, 40, inFlight: 1000))
    }
}

import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("What would happen next")
struct OutlookTests {
    /// A rollout of version 2 that has come to the step at `index`.
    private func world(_ rollout: RolloutSpec, at index: Int = 0) -> World {
        var world = World.serving("good-1")
        world.requestsPerTick = 0
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 60) { $0.phase != .preparing && $0.rollout?.stepIndex == index }
        return world
    }

    private func outlook(_ world: World) -> [String] {
        (world.state?.outlook ?? []).map { "\($0.when): \($0.then)" }
    }

    @Test("while it loads: the first step, or the way back at the deadline")
    func preparing() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 3) { $0.phase == .preparing }
        #expect(
            outlook(world) == [
                "when its instance is ready: step 1 of 3: set weight 20 %",
                "if it is not ready by then: all traffic goes to version good-1, and version good-2 is not tried again",
            ])
        #expect(world.state?.outlook.last?.at == world.state?.deadlineAt)
    }

    @Test("while evidence is awaited: the promotion, a failure, and what the deadline does")
    func evidence() {
        var rollout = RolloutSpec.twoSteps
        rollout.steps = [RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))]
        rollout.onInsufficient = .promote
        rollout.onFailure = .pause
        #expect(
            outlook(world(rollout, at: 1)) == [
                "when every gate passes: it is promoted", "if a gate fails: it waits for a person",
                "if gates still lack data by then: it is promoted without the evidence",
            ])
    }

    @Test("in a pause: its end by the clock; at an approval: a person")
    func waiting() throws {
        var rollout = RolloutSpec.twoSteps
        rollout.gates = []
        rollout.steps = [
            RolloutStep(.setWeight(50)), RolloutStep(.pause(.seconds(60))), RolloutStep(.approval),
            RolloutStep(.setWeight(100)),
        ]
        let pausing = world(rollout, at: 1)
        let state = try #require(pausing.state)
        #expect(outlook(pausing) == ["when the pause is over: step 3 of 4: approval"])
        #expect(state.outlook.first?.at == state.rollout?.stepStartedAt.addingTimeInterval(60))
        rollout.steps.remove(at: 1)
        #expect(outlook(world(rollout, at: 1)) == ["on 'mlctl promote': step 3 of 3: set weight 100 %"])
    }

    @Test("when data was wanting: it goes on by itself or by hand")
    func held() {
        var rollout = RolloutSpec.twoSteps
        rollout.progressDeadline = .seconds(10)
        var world = world(rollout)
        world.run(limit: 100) { $0.hold == .insufficientEvidence }
        #expect(
            outlook(world) == [
                "when every gate passes: it goes on by itself",
                "on 'mlctl promote': it goes on without the evidence",
            ])
    }

    @Test("after a rollback: another template, or a retry")
    func rolledBack() {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .rolledBack }
        #expect(
            outlook(world) == [
                "when git asks for another template: it is rolled out",
                "on 'mlctl retry': version bad-2 is tried again, with new evidence",
            ])
    }

    @Test("settings in words name every step and gate, and change with what they say")
    func settings() {
        var deployment = ModelDeployment.example("good-1", replicas: 2, rollout: .twoSteps)
        let words = deployment.settingsWords
        #expect(words.contains(SettingWords("replicas", "2")))
        #expect(words.contains(SettingWords("step 2", "set weight 50 %")))
        #expect(words.contains { $0.name == "gate errors" && $0.text.hasSuffix("?") })
        #expect(Set(words.map(\.name)).count == words.count)
        deployment.endpoint.routing = .stickyHeader("x-user")
        deployment.rollout.probation = Probation(duration: .seconds(300), holdback: 5)
        let changed = deployment.settingsWords.filter { !words.contains($0) }
        #expect(
            changed == [
                SettingWords("traffic", "users by header x-user"),
                SettingWords("probation", "5m, the old revision keeps 5 %"),
            ])
    }

    @Test("where there is no room for both, steps and gates that need stable are said to be left out")
    func withoutRoom() {
        var deployment = ModelDeployment.example("good-1", replicas: 1, rollout: .twoSteps)
        func leftOut(_ deployment: ModelDeployment) -> [String] {
            deployment.settingsWords.filter { $0.text.contains("left out") }.map(\.name)
        }
        #expect(leftOut(deployment) == [])
        deployment.rollout.capacity = .drainThenLoad
        let named = leftOut(deployment)
        #expect(named.contains("step 2"))
        #expect(named.contains("gate errors"))
        #expect(!named.contains("step \(deployment.rollout.steps.count)"), "all traffic goes to it in the end")
        deployment.replicas = 2
        #expect(leftOut(deployment) == [], "one instance of each: both serve")
    }
}

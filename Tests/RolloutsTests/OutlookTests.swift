import Analysis
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("What happens next")
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

    @Test("while it loads: the first step, or the rollback at the deadline")
    func preparing() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 3) { $0.phase == .preparing }
        #expect(
            outlook(world) == [
                "when its instance is ready: step 1 of 3: set weight 20 %",
                "if it is not ready by then: all traffic stays with version good-1, and version good-2 is not tried again, unless the machine is the cause",
            ])
        #expect(world.state?.outlook.last?.at == world.state?.deadlineAt)
    }

    @Test("while it waits for evidence: the promotion, a failure, and the outcome of the deadline")
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
        #expect(state.outlook.first?.at == state.rollout?.stepStartedAt?.addingTimeInterval(60))
        rollout.steps.remove(at: 1)
        #expect(outlook(world(rollout, at: 1)) == ["on 'mlctl promote': step 3 of 3: set weight 100 %"])
    }

    @Test("after a deadline without enough data: it continues by itself, or by 'mlctl promote'")
    func held() {
        var rollout = RolloutSpec.twoSteps
        rollout.progressDeadline = .seconds(10)
        var world = world(rollout)
        world.run(limit: 100) { $0.hold == .insufficientEvidence }
        #expect(
            outlook(world) == [
                "when every gate passes: it continues by itself",
                "on 'mlctl promote': it continues without the evidence",
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

    @Test("blue-green: evaluated first, then switched at once, with the old revision kept warm for a rollback")
    func blueGreen() throws {
        let contract = GateSpec(name: "contract", kind: .contract(ContractGate()))
        var rollout = RolloutSpec(
            strategy: .blueGreen, steps: [RolloutStep(.approval), RolloutStep(.setWeight(100))], gates: [contract],
            probation: Probation(duration: .seconds(600)), preview: Preview())
        rollout.onInsufficient = .rollback
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 10) { $0.message.contains("before any traffic") }
        let back = "all traffic stays with version good-1, and version good-2 is not tried again"
        #expect(
            outlook(world) == [
                "when its instance is ready: judged before any traffic by contract, then step 1 of 2: approval",
                "if a gate fails: \(back)", "if it is not ready by then: \(back), unless the machine is the cause",
                "if it is ready, but not judged by then: \(back)",
            ])
        let tensor = ModelContract.Tensor(name: "x", datatype: "FP32", shape: [-1, 4])
        let plain = ModelContract(inputs: [tensor], outputs: [tensor])
        world.answer = { _ in .contract(.read(stable: plain, candidate: plain)) }
        world.run(limit: 60) { $0.phase == .paused }
        #expect(outlook(world) == ["on 'mlctl promote': step 2 of 2: set weight 100 %", "if a gate fails: \(back)"])
        world.command(.promote(full: false))
        world.run(limit: 60) { $0.phase == .promoting }
        #expect(
            outlook(world) == [
                "when all of its instances are ready and the proxy has moved all traffic: version good-2 is on probation for 10m, "
                    + "and version good-1 is kept warm"
            ])
        world.run(limit: 60) { $0.phase == .probation }
        #expect(
            outlook(world) == [
                "when its probation is over: version good-2 is stable; version good-1 is retired",
                "if a gate fails: all traffic goes to version good-1, and version good-2 is not tried again",
            ])
    }

    @Test("blue-green without gates before traffic is switched at once")
    func plainBlueGreen() {
        let rollout = RolloutSpec(strategy: .blueGreen, steps: [RolloutStep(.setWeight(100))], gates: [])
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 3) { $0.phase == .preparing }
        #expect(outlook(world).first == "when its instance is ready: step 1 of 1: set weight 100 %")
        world.run(limit: 20) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test(
        "an A/B test: its winner, its loser, and the outcome at the deadline without either",
        arguments: [
            (RolloutSpec.InsufficientAction.pause, "it pauses until there is one, or 'mlctl promote'"),
            (.rollback, "all traffic goes to version good-1, and version good-2 is not tried again"),
            (.promote, "it is promoted without the evidence"),
        ])
    func abTest(onInconclusive: RolloutSpec.InsufficientAction, horizon: String) throws {
        let goal = GateSpec(name: GoalGate.name, kind: .goal(GoalGate(quantity: CounterRatio(outcome: "sold"))))
        var rollout = RolloutSpec(
            strategy: .ab,
            steps: [RolloutStep(.setWeight(50)), RolloutStep(.gate(GoalGate.name)), RolloutStep(.setWeight(100))],
            gates: [StrategyTests.errors, goal])
        rollout.progressDeadline = .seconds(3600)
        rollout.onInsufficient = onInconclusive
        let testing = world(rollout, at: 1)
        #expect(
            outlook(testing) == [
                "when version good-2 wins the test: step 3 of 3: set weight 100 %",
                "if version good-2 loses the test, or a guardrail fails: "
                    + "all traffic goes to version good-1, and version good-2 is not tried again",
                "if the test has no winner by then: \(horizon)",
            ])
        #expect(testing.state?.outlook.last?.at == testing.state?.deadlineAt)
    }

    @Test("a shadow: a weight when every gate passes, and never one if a gate fails")
    func shadow() {
        let rollout = RolloutSpec(
            strategy: .shadow, steps: [RolloutStep(.mirror(100), advance: .evidence), RolloutStep(.setWeight(100))],
            gates: [StrategyTests.errors], onFailure: .rollback)
        #expect(
            outlook(world(rollout)) == [
                "when every gate passes: step 2 of 2: set weight 100 %",
                "if a gate fails: all traffic stays with version good-1, and version good-2 is not tried again",
                "if gates still lack data by then: it pauses until every gate passes, or 'mlctl promote'",
            ])
    }

    @Test("recreate: the old revision stops first, weights have no effect, and a rollback starts it again")
    func recreate() throws {
        let rollout = RolloutSpec(
            strategy: .recreate, steps: [RolloutStep(.approval), RolloutStep(.setWeight(100))], gates: [])
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 3) { $0.phase == .preparing }
        let back = "version good-1 is started again and takes all traffic, and version good-2 is not tried again"
        #expect(
            outlook(world) == [
                "when version good-1 has stopped and its instance is ready: step 1 of 2: approval",
                "if it is not ready by then: \(back), unless the machine is the cause",
            ])
        world.run(limit: 20) { $0.phase == .paused }
        #expect(outlook(world) == ["on 'mlctl promote': it takes all traffic"])
        world.command(.abort)
        world.run(limit: 5) { $0.phase == .rollingBack }
        #expect(
            outlook(world) == [
                "when version good-2 has stopped and version good-1 is ready: version good-1 takes all traffic"
            ])
    }

    @Test("with drainThenLoad one instance is enough to begin")
    func drainThenLoad() {
        var rollout = RolloutSpec.twoSteps
        rollout.capacity = .drainThenLoad
        var world = World(seed: 3, deployment: .example("good-1", replicas: 2))
        world.run(limit: 20) { $0.phase == .healthy }
        world.commit(.example("good-2", replicas: 2, rollout: rollout))
        world.run(limit: 3) { $0.phase == .preparing }
        #expect(outlook(world).first == "when its first instance is ready: step 1 of 3: set weight 20 %")
    }

    @Test("a first deployment has no weights: its endpoint opens")
    func first() {
        var world = World(seed: 3, deployment: .example("good-1", rollout: .twoSteps))
        world.run(limit: 2) { $0.phase == .preparing }
        #expect(
            outlook(world) == [
                "when its instance is ready: the endpoint opens",
                "if it is not ready by then: nothing serves, and version good-1 is not tried again, unless the machine is the cause",
            ])
    }

    @Test("on probation a failed gate waits for a person if failures do")
    func probation() {
        var rollout = RolloutSpec.twoSteps
        rollout.steps = [RolloutStep(.setWeight(100))]
        rollout.gates = [GateSpec(name: "t", kind: .threshold(ThresholdGate(metric: .errors, max: 1)))]
        rollout.probation = Probation(duration: .seconds(60), holdback: 5)
        rollout.onFailure = .pause
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 40) { $0.phase == .paused || $0.phase == .progressing }
        world.command(.promote(full: true))
        world.run(limit: 40) { $0.phase == .probation }
        #expect(
            outlook(world).last == "if a gate fails: it waits for a person")
    }

    @Test("suspended: how it ends, and that gates still apply")
    func suspended() {
        var suspended = world(.twoSteps)
        suspended.command(.suspend)
        suspended.pass()
        let failure =
            "if a gate fails: all traffic goes to version good-1, and version good-2 is not tried again"
        #expect(outlook(suspended) == ["on 'mlctl resume': the rollout continues where it is", failure])
        var byManifest = world(.twoSteps)
        var deployment = ModelDeployment.example("good-2", rollout: .twoSteps)
        deployment.suspend = true
        byManifest.commit(deployment)
        byManifest.pass()
        #expect(
            outlook(byManifest) == [
                "when its manifest sets 'suspend: false': the rollout continues where it is", failure,
            ])
    }

    @Test("the settings as text name every step and gate, and change with them")
    func settings() {
        var deployment = ModelDeployment.example("good-1", replicas: 2, rollout: .twoSteps)
        let words = deployment.settingsWords
        #expect(words.contains(SettingDescription("replicas", "2")))
        #expect(words.contains(SettingDescription("step 2", "set weight 50 %")))
        #expect(words.contains { $0.name == "gate errors" && $0.text.hasSuffix("?") })
        #expect(Set(words.map(\.name)).count == words.count)
        deployment.endpoint.routing = .stickyHeader("x-user")
        deployment.rollout.probation = Probation(duration: .seconds(300), holdback: 5)
        let changed = deployment.settingsWords.filter { !words.contains($0) }
        #expect(
            changed == [
                SettingDescription("traffic", "users by header x-user"),
                SettingDescription("probation", "5m, the old revision keeps 5 %"),
            ])
    }

    @Test("in a cluster they say which users of a test may move")
    func movingUsersInCluster() {
        var deployment = ModelDeployment.example("good-1", replicas: 2, rollout: .twoSteps)
        deployment.target = .kubernetes(KubernetesTarget())
        deployment.endpoint.routing = .stickyHeader("x-user")
        deployment.endpoint.keepsUsers = true
        func text(_ name: String) -> String { deployment.settingsWords.first { $0.name == name }?.text ?? "" }
        deployment.rollout.steps = [RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100))]
        #expect(!text("traffic").contains("proxyReplicas"))
        deployment.rollout.steps = [
            RolloutStep(.setWeight(10)), RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100)),
        ]
        #expect(text("traffic").contains("with proxyReplicas over 1, some move"))
        deployment.target = .local
        #expect(!text("traffic").contains("proxyReplicas"))
    }

    @Test("in a cluster, addresses are those of its Services")
    func clusterAddresses() {
        var deployment = ModelDeployment.example("good-1", rollout: .twoSteps)
        deployment.target = .kubernetes(KubernetesTarget())
        deployment.rollout.preview = Preview()
        deployment.endpoint.port = 9000
        let words = Dictionary(deployment.settingsWords.map { ($0.name, $0.text) }) { first, _ in first }
        #expect(words["endpoint"] == "http://model.test.svc:9000, answers within 1m")
        let preview = "preview at http://model-REVISION.test.svc:9000 in the cluster"
        #expect(words["strategy"]?.hasSuffix(preview) == true)
    }

    @Test("if both revisions do not fit, steps and gates that need stable are shown as skipped")
    func withoutRoom() {
        var deployment = ModelDeployment.example("good-1", replicas: 1, rollout: .twoSteps)
        func leftOut(_ deployment: ModelDeployment) -> [String] {
            deployment.settingsWords.filter { $0.text.contains("skipped: the old revision has stopped by then") }.map(
                \.name)
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

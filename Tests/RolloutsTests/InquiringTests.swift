import Analysis
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Inquiries of decisions")
struct InquiringTests {
    static let check = GateSpec(name: "golden", kind: .check(CheckGate(command: ["evaluate"])))
    static let query = GateSpec(
        name: "lag",
        kind: .threshold(
            ThresholdGate(
                .query(
                    MetricQuery(source: "prometheus", text: "lag{r=\"{{revision}}\", v=\"{{ version }}\"}[{{window}}]")),
                max: 5, interval: .seconds(2))))

    private func rollout(_ gates: [GateSpec], _ steps: [RolloutStep]? = nil) -> RolloutSpec {
        RolloutSpec(steps: steps ?? [RolloutStep(.setWeight(20)), RolloutStep(.setWeight(100))], gates: gates)
    }

    private func answering(_ answer: @escaping @Sendable (Inquiry) -> Finding.Answer?) -> World {
        var world = World.serving("good-1")
        world.answer = answer
        return world
    }

    @Test("a check runs once the candidate is ready and before it has traffic")
    func beforeTraffic() throws {
        var world = answering { _ in nil }
        world.commit(.example("good-2", rollout: rollout([Self.check])))
        world.run(limit: 30) { _ in false }
        #expect(world.state?.phase == .preparing)
        #expect(world.state?.waitingFor == "evidence before any traffic: golden", "it is ready")
        #expect(Set(world.asked.map(\.id)) == ["gate:golden/1"])
        let candidate = try #require(world.asked.last?.candidate)
        #expect(candidate.version == "good-2")
        #expect(candidate.instances.count == 1)
        world.answer = { _ in .checked(CheckOutcome(end: .exited(0))) }
        world.run(limit: 20) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("a check that fails keeps the candidate out of traffic", arguments: [false, true])
    func failingCheck(isFirst: Bool) throws {
        let fails: @Sendable (Inquiry) -> Finding.Answer? = { _ in .checked(CheckOutcome(end: .exited(1))) }
        var world =
            isFirst ? World(seed: 1, deployment: .example("good-2", rollout: rollout([Self.check]))) : answering(fails)
        world.answer = fails
        if !isFirst { world.commit(.example("good-2", rollout: rollout([Self.check]))) }
        world.run(limit: 30) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(world.state?.stable?.version == (isFirst ? nil : "good-1"))
        #expect(world.state?.quarantined.first?.reason.hasPrefix("gate golden failed") == true)
        #expect(!world.events.contains { $0.kind == .stepStarted })
    }

    @Test("a late answer about another candidate decides nothing about this one")
    func lateAnswer() throws {
        var world = answering { _ in nil }
        world.commit(.example("good-2", rollout: rollout([Self.check])))
        world.run(limit: 30) { _ in false }
        let asked = try #require(world.asked.last)
        func fails(_ candidate: Revision) -> Bool? {
            let late = Finding(
                inquiry: asked.id, candidate: candidate, at: world.now, answer: .checked(CheckOutcome(end: .exited(1))))
            let inputs = DecisionInputs(
                desired: world.desired, observed: world.observe(), findings: [late], now: world.now)
            return decide(world.state, inputs)?.events.contains { $0.kind == .gateFailed }
        }
        #expect(fails(ModelDeployment.example("good-1").template.revision) == false)
        #expect(fails(asked.candidate.revision) == true)
    }

    @Test("a check of a step runs at its step")
    func atItsStep() throws {
        let check = GateSpec(name: "slices", kind: .check(CheckGate(command: ["slices"], isOfStep: true)))
        var world = answering { _ in .checked(CheckOutcome(end: .exited(0))) }
        let steps = [RolloutStep(.setWeight(20)), RolloutStep(.gate("slices")), RolloutStep(.setWeight(100))]
        world.commit(.example("good-2", rollout: rollout([check], steps)))
        for _ in 0..<60 where world.asked.isEmpty {
            world.pass()
            world.passTime()
        }
        #expect(world.asked.first?.id == "gate:slices/1")
        #expect(world.state?.rollout?.stepIndex == 1)
        world.run(limit: 60) { $0.phase == .healthy }
        #expect(world.asked.count == 1, "an answered question is not put again")
    }

    @Test("a query is asked repeatedly with its placeholders filled in, and fails beyond its limit")
    func query() throws {
        var world = answering { _ in .measured(.value(9)) }
        world.commit(.example("good-2", rollout: rollout([Self.query])))
        world.run(limit: 60) { $0.phase == .rolledBack }
        #expect(
            world.asked.first?.question
                == .measure(MetricQuery(source: "prometheus", text: "lag{r=\"{{revision}}\", v=\"{{ version }}\"}[1m]"))
        )
        #expect(world.state?.phase == .rolledBack)
    }

    @Test("a source that fails decides nothing, and is not a pass")
    func erringSource() throws {
        var world = answering { _ in .failed("there is no source 'prometheus'") }
        var spec = rollout([Self.query])
        spec.progressDeadline = .seconds(20)
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 100) { $0.hold != nil }
        #expect(world.state?.hold == .insufficientEvidence)
        let gate = try #require(world.state?.rollout?.gateSummaries.first)
        #expect(gate.verdict == "insufficient")
        #expect(gate.reason.contains("there is no source 'prometheus'"))
    }

    @Test("counters of another source are polled, and are evidence for its gates only")
    func counters() throws {
        let ratio = CounterRatio(source: "server", of: "cut_total", per: "answers_total")
        let gate = GateSpec(name: "cut", kind: .compare(CompareGate(.counters(ratio))))
        var world = answering { inquiry in
            guard case .counters("server", [ratio]) = inquiry.question else { return nil }
            return .failed("instance x did not answer")
        }
        world.commit(.example("good-2", rollout: rollout([gate])))
        world.run(limit: 40) { _ in false }
        #expect(world.asked.map(\.id).prefix(2) == ["counters:server/1", "counters:server/2"])
        #expect(world.state?.rollout?.gateSummaries.first?.reason.contains("server: instance x did not answer") == true)
        // The answer to an earlier question comes late.
        let rollout = try #require(world.state?.rollout)
        let late = Finding(
            inquiry: "counters:server/1", candidate: rollout.candidate.revision, at: world.now, answer: .failed("late"))
        let inputs = DecisionInputs(
            desired: world.desired, observed: world.observe(), findings: [late], now: world.now)
        #expect(decide(world.state, inputs)?.state?.rollout?.counterTurns == rollout.counterTurns)
    }
}

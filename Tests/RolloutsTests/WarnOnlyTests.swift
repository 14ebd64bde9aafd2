import Analysis
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Gates that only warn")
struct WarnOnlyTests {
    /// One gate on errors, which only warns.
    private func warning(_ change: (inout RolloutSpec) -> Void = { _ in }) -> RolloutSpec {
        var rollout = RolloutSpec.twoSteps
        rollout.gates = rollout.gates.map { GateSpec(name: $0.name, kind: $0.kind, warnOnly: true) }
        change(&rollout)
        return rollout
    }

    private func inFlight(_ version: String, _ rollout: RolloutSpec) -> World {
        var world = World.serving("good-1")
        world.commit(.example(version, rollout: rollout))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        return world
    }

    private func failed(_ world: World) -> Bool {
        world.state?.rollout?.gateSummaries.first?.verdict == "fail"
    }

    @Test("a bad version is promoted despite a failed gate that only warns, which is reported and acts on nothing")
    func neverActs() throws {
        var world = inFlight("bad-2", warning { $0.steps.insert(RolloutStep(.pause(.seconds(60))), at: 1) })
        world.run(limit: 100) { $0.rollout?.gateSummaries.first?.verdict == "fail" }
        let summary = try #require(world.state?.rollout?.gateSummaries.first)
        #expect(summary.warnOnly)
        #expect(summary.reason.hasPrefix("would have failed: "))
        #expect(world.state?.phase == .paused, "the pause goes on")
        world.run(limit: 400) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "bad-2")
        #expect(world.state?.quarantined == [])
        let told = world.events.filter { $0.message.contains("gate errors, which only warns, would have failed: ") }
        #expect(told.map(\.kind) == [.gateWarned])
        #expect(!world.events.contains { $0.kind == .gateFailed })
    }

    @Test("nothing waits for a gate that only warns, whatever onInsufficient says")
    func nothingWaits() throws {
        var world = inFlight("good-2", warning { $0.onInsufficient = .rollback })
        world.requestsPerTick = 0
        world.run(limit: 60) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("a pause that evidence may end lasts as long as without gates")
    func pauses() throws {
        let pause = RolloutStep(.pause(.seconds(60)), advance: .evidence)
        var world = inFlight("good-2", warning { $0.steps.insert(pause, at: 1) })
        world.run(limit: 10) { $0.phase == .paused }
        let since = world.now
        world.run(limit: 400) { $0.phase != .paused }
        #expect(world.now.timeIntervalSince(since) >= 59)
    }

    @Test("a gate that has failed acts as soon as it may act, on the evidence that it has")
    func letAct() throws {
        var world = inFlight("bad-2", warning { $0.steps.insert(RolloutStep(.pause(nil)), at: 1) })
        world.run(limit: 100) { $0.rollout?.gateSummaries.first?.verdict == "fail" }
        let samples = world.state?.rollout?.gateSummaries.first?.samples
        world.requestsPerTick = 0
        var acting = warning { $0.steps.insert(RolloutStep(.pause(nil)), at: 1) }
        acting.gates = RolloutSpec.twoSteps.gates
        world.commit(.example("bad-2", rollout: acting))
        world.pass()
        #expect(world.state?.phase == .rollingBack)
        #expect(world.events.contains { $0.kind == .gateFailed && $0.evidence.first?.samples == samples })
    }

    @Test("a gate that is changed to only warn ends its hold, and keeps its evidence")
    func letWarn() throws {
        var acting = RolloutSpec.twoSteps
        acting.onFailure = .pause
        var world = inFlight("bad-2", acting)
        world.run(limit: 100) { $0.rollout?.hold == .gateFailed("errors") }
        let samples = try #require(world.state?.rollout?.gateSummaries.first?.samples)
        world.commit(.example("bad-2", rollout: warning { $0.onFailure = .pause }))
        world.pass()
        #expect(world.state?.rollout?.hold == nil)
        #expect(world.state?.rollout?.gateSummaries.first?.samples == samples)
        world.run(limit: 100) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "bad-2")
    }

    @Test("a check before traffic that only warns runs, but nothing waits for it")
    func check() throws {
        var rollout = RolloutSpec.twoSteps
        let check = CheckGate(command: ["evaluate"])
        rollout.gates.append(GateSpec(name: "evaluation", kind: .check(check), warnOnly: true))
        var world = inFlight("good-2", rollout)
        #expect(world.asked.contains { $0.question == .check(check) })
        world.answer = { _ in .checked(CheckOutcome(end: .exited(1))) }
        world.run(limit: 400) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.events.contains { $0.kind == .gateWarned && $0.message.contains("evaluation") })
    }

    @Test("the outlook does not mention a rollback by a gate if all gates only warn")
    func outlook() throws {
        let world = inFlight("good-2", warning())
        let words = try #require(world.state?.outlook).map { "\($0.when): \($0.then)" }
        #expect(!words.contains { $0.contains("if a gate fails") })
        #expect(!words.contains { $0.contains("every gate passes") }, "\(words)")
    }

    @Test("a gate in the record of an older controller acts")
    func olderRecord() throws {
        let summary = try JSONDecoder().decode(
            GateSummary.self, from: Data(#"{"name":"errors","verdict":"fail","samples":3,"reason":"r"}"#.utf8))
        #expect(!summary.warnOnly)
        let text = String(decoding: try JSONEncoder().encode(summary), as: UTF8.self)
        #expect(!text.contains("warnOnly"))
        var spec =
            try JSONSerialization.jsonObject(
                with: JSONEncoder().encode(RolloutSpec.defaultGates[0])) as? [String: Any]
        spec?["warnOnly"] = nil
        let old = try JSONSerialization.data(withJSONObject: try #require(spec))
        #expect(try JSONDecoder().decode(GateSpec.self, from: old) == RolloutSpec.defaultGates[0])
    }
}

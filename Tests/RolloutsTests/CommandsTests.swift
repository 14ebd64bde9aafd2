import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Operators' commands")
struct CommandsTests {
    /// A rollout of `version` at 20 %, over `good-1`.
    private func inFlight(_ version: String = "good-2", _ rollout: RolloutSpec = .twoSteps) -> World {
        var world = World.serving("good-1")
        world.commit(.example(version, rollout: rollout))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        return world
    }

    @Test("abort takes the candidate out and holds git's template off until retry")
    func abort() throws {
        var world = inFlight()
        world.command(.abort)
        world.run(limit: 5) { $0.phase == .rolledBack }
        #expect(world.state?.history.first?.outcome == .aborted)
        world.run(limit: 20) { $0.rollout != nil }
        #expect(world.state?.rollout == nil)
        #expect(world.state?.waitingFor == "another template in git, or 'mlctl retry'")
    }

    @Test("promote --full goes to 100 at once")
    func promoteFull() throws {
        var world = inFlight()
        world.command(.promote(full: true))
        world.run(limit: 5) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("pause holds the weight until resume; a gate that fails still rolls back")
    func pause() throws {
        var world = inFlight()
        world.command(.pause)
        world.run(limit: 100) { $0.phase != .paused && $0.phase != .progressing }
        #expect(world.state?.phase == .paused)
        #expect(world.state?.rollout?.weight == 20)
        world.turn("good-2", into: .bad)
        world.run(limit: 100) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
    }

    @Test("with onFailure: pause a failed gate waits for a person, who may go past it")
    func pauseOnFailure() throws {
        var rollout = RolloutSpec.twoSteps
        rollout.onFailure = .pause
        var world = inFlight("bad-2", rollout)
        world.run(limit: 100) { $0.phase == .paused }
        #expect(world.state?.waitingFor?.contains("gate errors failed") == true)
        world.command(.resume)
        world.pass()
        #expect(world.refusals.last?.reason.contains("gate errors failed") == true)
        world.command(.promote(full: true))
        world.run(limit: 10) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "bad-2")
    }

    @Test("rollback at rest brings back the revision before, and holds git's off")
    func rollback() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        world.command(.rollback(to: nil))
        world.run(limit: 20) { $0.phase == .rolledBack }
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.quarantined.map(\.version) == ["good-2"])
        world.run(limit: 20) { $0.rollout != nil }
        #expect(world.state?.rollout == nil)
    }

    @Test(
        "a command that makes no sense in this phase is refused with a reason, and changes nothing",
        arguments: [
            OperatorCommand.Verb.promote(full: false), .pause, .resume, .abort, .retry, .rollback(to: nil),
            .rollback(to: Revision(rawValue: "0123456789")),
        ])
    func refusals(verb: OperatorCommand.Verb) throws {
        var world = World.serving("good-1")
        let before = world.state?.phase
        world.command(verb)
        world.pass()
        #expect(world.refusals.count == 1)
        #expect(world.refusals.first?.reason.isEmpty == false)
        #expect(world.state?.phase == before)
    }
}

import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("A policy that becomes stricter, and what is in flight")
struct FollowingPolicyTests {
    private static let rule = "m.yaml:7:5: spec.runtime.command: no (policy 'commands' of project 'risk')"

    private func inFlight(_ rollout: RolloutSpec = .twoSteps, until isThere: (RolloutState) -> Bool) -> World {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 200, until: isThere)
        precondition(world.state?.rollout != nil)
        return world
    }

    private static let probation: RolloutSpec = {
        var rollout = RolloutSpec.twoSteps
        rollout.probation = Probation(duration: .seconds(10), holdback: 5)
        return rollout
    }()

    @Test(
        "wherever the candidate is, its rollout is held, and it is not promoted by itself",
        arguments: [Phase.preparing, .progressing, .promoting, .probation])
    func held(phase: Phase) {
        var world = inFlight(Self.probation) { $0.phase == phase }
        let weight = world.state?.rollout?.weight
        world.forbid("good-2", Self.rule)
        world.run(limit: 2000) { $0.rollout == nil || $0.phase != .paused && $0.phase != phase }
        #expect(world.state?.phase == .paused && world.state?.stable?.version == "good-1")
        #expect(world.state?.rollout?.weight == weight)
        #expect(world.state?.message.contains(Self.rule) == true)
        #expect(world.state?.waitingFor?.contains(Self.rule) == true)
        #expect(world.transitions.allSatisfy(PhaseTable.allows))
        world.allowAll()
        world.run(limit: 2000) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.transitions.allSatisfy(PhaseTable.allows))
    }

    @Test(
        "no command lets it go on, and each refusal names the rule and what works",
        arguments: [
            OperatorCommand.Verb.promote(full: false), .promote(full: true),
            .promote(.init(isFull: true, isForced: true)), .promote(.init(skipsChecks: true)), .resume, .retry,
        ])
    func commands(verb: OperatorCommand.Verb) {
        for phase in [Phase.preparing, .progressing] {
            var world = inFlight { $0.phase == phase }
            world.forbid("good-2", Self.rule)
            world.pass()
            world.command(verb)
            world.pass()
            let reason = world.refusals.last?.reason
            #expect(reason?.contains(Self.rule) == true, "\(verb): \(reason ?? "none")")
            #expect(reason?.contains("'mlctl abort test/model'") == true)
            #expect(reason?.contains("'mlctl promote test/model'") == false)
            #expect(world.state?.rollout?.candidate.version == "good-2" && world.state?.phase == .paused)
        }
    }

    @Test("taking it out is never held", arguments: [OperatorCommand.Verb.abort, .rollback(to: nil)])
    func out(verb: OperatorCommand.Verb) {
        var world = inFlight { $0.rollout?.weight == 20 }
        world.forbid("good-2", Self.rule)
        world.pass()
        world.command(verb)
        world.run(limit: 20) { $0.phase == .rolledBack }
        #expect(world.refusals.isEmpty && world.state?.phase == .rolledBack)
        #expect(world.state?.stable?.version == "good-1")
    }

    @Test("a bad one still leaves the traffic, whatever onFailure says of others")
    func bad() {
        var world = inFlight { $0.rollout?.weight == 20 }
        world.forbid("good-2", Self.rule)
        world.pass()
        world.turn("good-2", into: .bad)
        world.run(limit: 200) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
    }

    @Test("what held it before, or fails meanwhile, holds it again once the policy allows it")
    func otherHolds() {
        var paused = inFlight { $0.rollout?.weight == 20 }
        paused.command(.pause)
        paused.pass()
        paused.forbid("good-2", Self.rule)
        paused.pass()
        #expect(paused.state?.waitingFor?.contains(Self.rule) == true)
        paused.allowAll()
        paused.run(limit: 50) { $0.phase != .paused }
        #expect(paused.state?.hold == .byOperator("tester"))

        var rollout = RolloutSpec.twoSteps
        rollout.onFailure = .pause
        var failing = inFlight(rollout) { $0.rollout?.weight == 20 }
        failing.forbid("good-2", Self.rule)
        failing.pass()
        failing.turn("good-2", into: .bad)
        failing.run(limit: 100) { _ in false }
        #expect(failing.state?.waitingFor?.contains(Self.rule) == true)
        failing.allowAll()
        failing.pass()
        #expect(failing.state?.hold == .gateFailed("errors"))
    }

    @Test("where nobody has looked, what was held stays held, and nothing else is")
    func unknown() {
        var world = inFlight { $0.rollout?.weight == 20 }
        world.forbid("good-2", Self.rule)
        world.pass()
        world.forbidden = nil
        world.run(limit: 100) { $0.phase != .paused }
        #expect(world.state?.phase == .paused)
        var free = inFlight { $0.rollout?.weight == 20 }
        free.forbidden = nil
        free.run(limit: 400) { $0.phase == .healthy }
        #expect(free.state?.stable?.version == "good-2")
    }

    @Test("what serves goes on, and what is allowed takes its place")
    func serving() {
        var world = World.serving("good-1")
        world.forbid("good-1", Self.rule)
        world.run(limit: 50) { $0.phase != .healthy }
        #expect(world.state?.phase == .healthy)
        world.isGitReadable = true
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        #expect(world.state?.stable?.version == "good-2")
    }

    // MARK: Going back

    private func served(_ versions: [String]) -> World {
        var world = World.serving(versions[0])
        for version in versions.dropFirst() {
            world.commit(.example(version, rollout: .twoSteps))
            world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == version }
        }
        return world
    }

    @Test("nobody goes back to what the policy forbids now, not by force either")
    func rollback() {
        var world = served(["good-1", "good-2", "good-3"])
        world.forbidden = [ModelDeployment.example("good-2").template.revision: Self.rule]
        let forbidden = ModelDeployment.example("good-2").template.revision.rawValue
        for force in [false, true] {
            world.command(.rollback(to: forbidden, force: force))
            world.pass()
            #expect(world.refusals.last?.reason.contains(Self.rule) == true)
            #expect(world.state?.rollout == nil)
        }
        // Without a name it passes over what is forbidden.
        world.command(.rollback(to: nil))
        world.run(limit: 50) { $0.phase == .rolledBack }
        #expect(world.state?.stable?.version == "good-1")
    }

    @Test("where all before is forbidden, the refusal says so and offers no force")
    func nowhere() {
        var world = served(["good-1", "good-2"])
        world.forbidden = [ModelDeployment.example("good-1").template.revision: Self.rule]
        world.command(.rollback(to: nil))
        world.pass()
        #expect(world.refusals.last?.reason.contains(Self.rule) == true)
        #expect(world.refusals.last?.reason.contains("--force") == false)
    }

    @Test("a rollback in flight whose revision is forbidden meanwhile is held, and may be aborted")
    func restore() {
        var world = served(["good-1", "good-2"])
        world.command(.rollback(to: nil))
        world.pass()
        world.forbid("good-1", Self.rule)
        world.run(limit: 50) { $0.rollout == nil }
        #expect(world.state?.phase == .paused && world.state?.stable?.version == "good-2")
        world.command(.abort)
        world.run(limit: 50) { $0.rollout == nil }
        #expect(world.state?.stable?.version == "good-2" && world.state?.rollout == nil)
    }

    /// Version 2 was aborted, and is held back.
    private func aborted() -> World {
        var world = inFlight { $0.rollout?.weight == 20 }
        world.command(.abort)
        world.run(limit: 20) { $0.phase == .rolledBack }
        precondition(world.state?.quarantined.map(\.version) == ["good-2"])
        return world
    }

    @Test("a retry of what it forbids is refused with the rule, and nothing begins by itself once it allows that again")
    func retryForbidden() {
        var world = aborted()
        world.forbid("good-2", Self.rule)
        world.command(.retry)
        world.pass()
        let reason = world.refusals.last?.reason
        #expect(reason?.contains(Self.rule) == true)
        #expect(reason?.contains("'mlctl retry test/model'") == false)
        world.allowAll()
        world.run(limit: 50) { $0.rollout != nil }
        #expect(world.state?.rollout == nil && world.state?.quarantined.map(\.version) == ["good-2"])
        world.command(.retry)
        world.run(limit: 400) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test(
        "a retry that would begin nothing now is refused: while it is suspended, and while git's manifest is not followed"
    )
    func retryOfNothing() {
        var suspended = aborted()
        suspended.command(.suspend)
        suspended.pass()
        suspended.command(.retry)
        suspended.pass()
        #expect(suspended.refusals.last?.reason.contains("'mlctl resume' first") == true)
        var invalid = aborted()
        invalid.isGitReadable = false
        invalid.notFollowed = "m.yaml:3: spec: is missing"
        invalid.command(.retry)
        invalid.pass()
        #expect(invalid.refusals.last?.reason.contains("m.yaml:3: spec: is missing") == true)
        #expect(invalid.state?.quarantined.count == 1)
    }

    @Test("the outlook says what a retry would do now")
    func outlookOfRetry() throws {
        let state = try #require(aborted().state)
        func retrying(_ refusal: String?) -> String? {
            state.outlook(retryRefusal: refusal).first { $0.when == "on 'mlctl retry'" }?.then
        }
        #expect(retrying(nil) == "version good-2 is tried again, with new evidence")
        #expect(retrying(Self.rule) == "it is refused: \(Self.rule)")
    }
}

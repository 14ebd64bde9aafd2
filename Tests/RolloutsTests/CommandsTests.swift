import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Operators' commands")
struct CommandsTests {
    /// A rollout of `version` at 20 %, with `good-1` as stable.
    private func inFlight(_ version: String = "good-2", _ rollout: RolloutSpec = .twoSteps) -> World {
        var world = World.serving("good-1")
        world.commit(.example(version, rollout: rollout))
        world.run(limit: 20) { $0.rollout?.weight == 20 }
        return world
    }

    @Test("abort takes the candidate out of traffic and holds git's template back until retry")
    func abort() throws {
        var world = inFlight()
        world.command(.abort)
        world.run(limit: 5) { $0.phase == .rolledBack }
        #expect(world.state?.history.first?.outcome == .aborted)
        world.run(limit: 20) { $0.rollout != nil }
        #expect(world.state?.rollout == nil)
        #expect(world.state?.waitingFor == "another template in git, or 'mlctl retry'")
    }

    @Test(
        "the identity that a client claims is shown beside the proven one, in the event, the reason and the history"
    )
    func claims() throws {
        var world = inFlight()
        world.command(.abort, claimedActor: "ada", reason: "complaints about declined cards")
        world.run(limit: 5) { $0.phase == .rolledBack }
        let aborted = try #require(world.events.first { $0.kind == .aborted })
        #expect(aborted.actor == "tester" && aborted.claimedActor == "ada")
        #expect(aborted.message == "aborted by tester, who claims to be 'ada'")
        #expect(aborted.reason == "complaints about declined cards")
        // What the controller decides by itself later is not theirs.
        #expect(world.events.allSatisfy { $0.actor != nil || $0.reason == nil })
        #expect(world.state?.history.first?.reason == aborted.message)
        var silent = inFlight()
        silent.command(.pause)
        silent.run(limit: 5) { $0.phase == .paused }
        let paused = try #require(silent.events.first { $0.kind == .paused })
        #expect(paused.claimedActor == nil && paused.reason == nil && paused.message == "paused by tester")
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

    @Test("with onFailure: pause a failed gate waits for a person, who may override it")
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

    @Test("rollback without a rollout in flight brings back the revision before, and holds git's template back")
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
        "a command that is not possible in this phase is refused with a reason, and changes nothing",
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

    // MARK: - The limits of each command

    /// Several versions, each promoted after the other.
    private func served(_ versions: [String]) -> World {
        var world = World.serving(versions[0])
        for version in versions.dropFirst() {
            world.commit(.example(version, rollout: .twoSteps))
            world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == version }
        }
        return world
    }

    private func rollBack(_ world: inout World, to version: String? = nil, force: Bool = false) {
        let revision = version.map { ModelDeployment.example($0).template.revision.rawValue }
        world.command(.rollback(to: revision.map { String($0.prefix(6)) }, force: force))
        world.run(limit: 30) { $0.phase == .rolledBack }
        world.run(limit: 10) { _ in false }
    }

    @Test("a rollback finds a revision by its version too, as the history shows it")
    func rollbackToVersion() {
        var world = served(["good-1", "good-2", "good-3"])
        world.command(.rollback(to: "good-9", force: false))
        world.run(limit: 2) { _ in false }
        #expect(world.refusals.last?.reason.contains("no earlier revision or version good-9") == true)
        world.command(.rollback(to: "good-1", force: false))
        world.run(limit: 30) { $0.stable?.version == "good-1" }
        #expect(world.state?.stable?.version == "good-1")
    }

    @Test("a second rollback goes further back, never forward to the version that was just left")
    func secondRollback() {
        var world = served(["good-1", "good-2", "good-3"])
        rollBack(&world)
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.state?.leftVersion == "good-3")
        rollBack(&world)
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.state?.leftVersion == "good-2")
        rollBack(&world)
        #expect(world.state?.stable?.version == "good-1")
        #expect(world.refusals.last?.reason.contains("no earlier revision") == true)
        #expect(world.state?.quarantined.map(\.version).sorted() == ["good-2", "good-3"])
    }

    @Test("rollback skips failed versions, and goes to one only by force")
    func rollbackPassesOverFailures() {
        var world = served(["good-1", "good-2", "good-3"])
        rollBack(&world, to: "good-1")
        #expect(world.state?.stable?.version == "good-1")
        rollBack(&world, to: "good-3")
        #expect(world.refusals.last?.reason.contains("'--force'") == true)
        #expect(world.state?.stable?.version == "good-1")
        rollBack(&world, to: "good-3", force: true)
        #expect(world.state?.stable?.version == "good-3")
    }

    @Test("the first digits of a revision are enough if they match only one")
    func prefix() {
        var world = served(["good-1", "good-2", "good-3"])
        world.command(.rollback(to: "", force: false))
        world.pass()
        #expect(world.refusals.last?.reason.contains("several revisions") == true)
        world.command(.rollback(to: "zzzz", force: false))
        world.pass()
        #expect(world.refusals.last?.reason.contains("'mlctl history test/model' lists them") == true)
    }

    @Test("pause and resume in a timed pause start no deadline that was not running")
    func resumeInPause() {
        var spec = RolloutSpec.twoSteps
        spec.steps.insert(RolloutStep(.pause(.seconds(120))), at: 1)
        spec.progressDeadline = .seconds(20)
        spec.onInsufficient = .rollback
        var world = inFlight("good-2", spec)
        world.run(limit: 20) { $0.phase == .paused }
        let began = world.state?.rollout?.stepStartedAt
        world.command(.pause)
        world.pass()
        world.command(.resume)
        world.run(limit: 100) { $0.phase != .paused }
        #expect(world.state?.phase == .paused)
        #expect(world.state?.hold == nil)
        #expect(world.state?.rollout?.stepStartedAt == began)
    }

    @Test("pause and resume do not extend a deadline, however often")
    func resumeGivesNoTime() {
        var spec = RolloutSpec.twoSteps
        spec.progressDeadline = .seconds(20)
        var world = inFlight("good-2", spec)
        world.requestsPerTick = 0
        for _ in 0..<8 {
            world.run(limit: 8) { $0.hold != nil }
            guard world.state?.hold == nil else { break }
            world.command(.pause)
            world.pass()
            world.command(.resume)
            world.pass()
        }
        #expect(world.state?.hold == .insufficientEvidence)
    }

    @Test("a gate that fails replaces a pause by an operator, and resume does not end that hold")
    func failureInPause() {
        var spec = RolloutSpec.twoSteps
        spec.onFailure = .pause
        var world = inFlight("good-2", spec)
        world.command(.pause)
        world.pass()
        world.turn("good-2", into: .bad)
        world.run(limit: 100) { $0.hold == .gateFailed("errors") }
        #expect(world.state?.hold == .gateFailed("errors"))
        world.command(.pause)
        world.pass()
        #expect(world.refusals.last?.reason.contains("already waits for a person") == true)
        world.command(.resume)
        world.pass()
        #expect(world.refusals.last?.reason.contains("gate errors failed") == true)
        #expect(world.state?.rollout?.weight == 20)
    }

    @Test("resume approves nothing")
    func resumeApprovesNothing() {
        var spec = RolloutSpec.twoSteps
        spec.steps.insert(RolloutStep(.approval), at: 1)
        var world = inFlight("good-2", spec)
        world.run(limit: 20) { $0.phase == .paused }
        world.command(.resume)
        world.run(limit: 10) { _ in false }
        #expect(world.refusals.last?.reason.contains("'mlctl promote'") == true)
        #expect(world.state?.rollout?.stepIndex == 1)
        world.command(.pause)
        world.pass()
        world.command(.resume)
        world.run(limit: 10) { _ in false }
        #expect(world.state?.rollout?.stepIndex == 1)
        #expect(world.state?.phase == .paused)
    }

    @Test("promote during loading skips no check; --skip-checks does, and is recorded in the audit trail")
    func promoteWhileLoading() {
        let check = GateSpec(name: "golden", kind: .check(CheckGate(command: ["evaluate"])))
        var world = World.serving("good-1")
        world.commit(
            .example("good-2", rollout: RolloutSpec(steps: [RolloutStep(.setWeight(100))], gates: [check])))
        for _ in 0..<12 {
            world.command(.promote(.init(isFull: true, isForced: true)))
            world.pass()
            world.passTime()
        }
        #expect(world.state?.phase == .preparing)
        #expect(world.refusals.last?.reason.contains("'--skip-checks'") == true)
        world.command(.promote(.init(skipsChecks: true)))
        world.run(limit: 10) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.events.contains { $0.kind == .approved && $0.message == "checks skipped by tester: golden" })
    }

    @Test("a promotion of a suspended deployment would have no effect, and is refused")
    func promoteSuspended() {
        var world = inFlight()
        world.command(.suspend)
        world.pass()
        world.command(.promote(full: true))
        world.pass()
        #expect(world.refusals.last?.reason.contains("'mlctl resume'") == true)
        #expect(world.state?.rollout?.weight == 20)
    }

    @Test("promote after a deadline is not held again at the next step")
    func promoteAfterDeadline() {
        var spec = RolloutSpec.twoSteps
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.requestsPerTick = 0
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 100) { $0.hold == .insufficientEvidence }
        world.command(.promote(full: true))
        world.run(limit: 10) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("promote after a deadline gives the next step a deadline of its own")
    func nextStepAfterDeadline() {
        var spec = RolloutSpec.twoSteps
        spec.steps = [
            RolloutStep(.setWeight(20), advance: .evidence), RolloutStep(.setWeight(50), advance: .evidence),
            RolloutStep(.setWeight(100)),
        ]
        spec.progressDeadline = .seconds(10)
        var world = World.serving("good-1")
        world.requestsPerTick = 0
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 100) { $0.hold == .insufficientEvidence }
        world.command(.promote(full: false))
        world.run(limit: 15) { _ in false }
        #expect(world.state?.hold == nil)
        #expect(world.state?.rollout?.weight == 50)
        #expect(world.events.count { $0.kind == .stuck } == 1)
    }

    @Test("one promote passes one step")
    func onePromoteOneStep() {
        let steps = [
            RolloutStep(.setWeight(20)), RolloutStep(.approval), RolloutStep(.setWeight(50)), RolloutStep(.approval),
            RolloutStep(.setWeight(100)),
        ]
        var world = inFlight("good-2", RolloutSpec(steps: steps, gates: []))
        world.run(limit: 20) { $0.phase == .paused }
        world.command(.promote(full: false))
        world.run(limit: 20) { _ in false }
        #expect(world.state?.phase == .paused)
        #expect(world.state?.rollout?.weight == 50)
    }

    @Test("promote overrides the gate that failed, and no other")
    func oneGateOverridden() {
        let limit = GateSpec(name: "limit", kind: .threshold(ThresholdGate(metric: .errors, max: 0.3)))
        var spec = RolloutSpec.twoSteps
        spec.gates.append(limit)
        spec.onFailure = .pause
        var world = inFlight("bad-2", spec)
        world.run(limit: 100) { $0.hold?.needsPerson == true }
        let first = world.state?.hold
        world.command(.promote(full: false))
        world.pass()
        world.run(limit: 100) { $0.hold?.needsPerson == true || $0.rollout == nil }
        let second = world.state?.hold
        #expect(first == .gateFailed("errors") || second == .gateFailed("errors"))
        #expect(first == .gateFailed("limit") || second == .gateFailed("limit"))
    }

    @Test("retry drops the evidence against a candidate")
    func retryDropsEvidence() {
        var spec = RolloutSpec.twoSteps
        spec.onFailure = .pause
        var world = inFlight("bad-2", spec)
        world.run(limit: 100) { $0.hold == .gateFailed("errors") }
        world.turn("bad-2", into: .good)
        world.command(.retry)
        world.run(limit: 400) { $0.rollout == nil || $0.hold != nil }
        #expect(world.state?.stable?.version == "bad-2")
    }

    @Test("abort ends a restore, and the revision that serves stays")
    func abortRestore() {
        var world = served(["good-1", "good-2"])
        world.turned["good-1"] = .stuck
        world.command(.rollback(to: nil, force: false))
        world.run(limit: 5) { _ in false }
        world.command(.abort)
        world.run(limit: 10) { $0.rollout == nil }
        #expect(world.state?.stable?.version == "good-2")
        #expect(world.state?.history.first?.outcome == .aborted)
        // Git asks for the revision that serves, and a person who cancels the rollback wants to keep it.
        #expect(world.state?.phase == .healthy)
        #expect(world.state?.quarantined == [])
        #expect(world.state?.wait(seeing: world.observe()) == nil)
    }

    @Test("after an aborted rollback its target is told: in the state, by retry and by the next rollback")
    func passedOver() throws {
        var world = served(["good-1", "good-2"])
        world.turned["good-1"] = .stuck
        world.command(.rollback(to: nil, force: false))
        world.run(limit: 5) { _ in false }
        #expect(world.state?.passedOver == [], "it is on its way")
        world.command(.abort)
        world.run(limit: 10) { $0.rollout == nil }
        let entry = try #require(world.state?.passedOver.first)
        #expect(world.state?.passedOver.count == 1)
        #expect(entry.version == "good-1" && entry.reason == "aborted by tester")
        world.command(.retry)
        world.pass()
        let refusal = try #require(world.refusals.last?.reason)
        #expect(
            refusal.contains(
                "Held back from a rollback: version good-1 (aborted by tester; 'mlctl rollback test/model --to "
                    + "\(entry.revision) --force' goes back to it)"))
        world.command(.rollback(to: nil, force: false))
        world.pass()
        #expect(
            world.refusals.last?.reason.hasPrefix(
                "every earlier revision is held back: version good-1 is held back: aborted by tester") == true)
        world.turned["good-1"] = .good
        rollBack(&world, to: "good-1", force: true)
        #expect(world.state?.stable?.version == "good-1" && world.state?.passedOver == [])
    }

    @Test("what is in quarantine is told once, and is not passed over as well")
    func quarantinedOnce() {
        var world = inFlight("bad-2", .twoSteps)
        world.run(limit: 100) { $0.phase == .rolledBack }
        #expect(world.state?.quarantined.map(\.version) == ["bad-2"] && world.state?.passedOver == [])
    }
}

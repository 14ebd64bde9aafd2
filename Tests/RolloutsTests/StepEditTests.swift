import Analysis
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

/// An edit of the list of steps never skips anything.
@Suite("Steps that change during a rollout")
struct StepEditTests {
    static let five = RolloutStep(.setWeight(5))
    static let quarter = RolloutStep(.setWeight(25))
    static let half = RolloutStep(.setWeight(50))
    static let all = RolloutStep(.setWeight(100))
    static let forever = RolloutStep(.pause(nil))
    static let approval = RolloutStep(.approval)

    private func spec(_ steps: [RolloutStep], gates: [GateSpec] = []) -> RolloutSpec {
        RolloutSpec(steps: steps, gates: gates)
    }

    /// At the step with this index.
    private func world(_ steps: [RolloutStep], at index: Int, gates: [GateSpec] = []) -> World {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec(steps, gates: gates)))
        world.run(limit: 40) { $0.rollout?.hasBegunSteps == true && $0.rollout?.stepIndex == index }
        precondition(world.state?.rollout?.stepIndex == index)
        return world
    }

    @Test("new steps that appear during the promotion wait for a person; other edits change nothing")
    func editedWhilePromoting() {
        func promoting() -> World {
            var world = World.serving("good-1")
            world.commit(.example("good-2", rollout: spec([Self.half, Self.all])))
            world.run(limit: 60) { $0.phase == .progressing }
            world.isProxyStuck = true
            world.command(.promote(.init(isFull: true)))
            world.run(limit: 60) { $0.phase == .promoting }
            return world
        }
        var world = promoting()
        precondition(world.state?.phase == .promoting)
        world.commit(.example("good-2", rollout: spec([Self.half, Self.approval, Self.all])))
        world.run(limit: 3) { _ in false }
        world.isProxyStuck = false
        world.run(limit: 30) { _ in false }
        #expect(world.state?.hold == .stepsEdited)
        #expect(world.state?.stable?.version == "good-1")
        world.command(.resume)
        world.pass()
        #expect(world.refusals.last?.reason.contains("'mlctl resume' does not approve them") == true)
        world.command(.promote(.init()))
        world.run(limit: 10) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")

        var shorter = promoting()
        shorter.commit(.example("good-2", rollout: spec([Self.all])))
        shorter.isProxyStuck = false
        shorter.run(limit: 10) { $0.phase == .healthy }
        #expect(shorter.state?.stable?.version == "good-2")
    }

    @Test(
        "new steps that appear in probation wait for a person, also if a person had paused it",
        arguments: [false, true])
    func editedInProbation(isPaused: Bool) {
        func spec(_ steps: [RolloutStep]) -> RolloutSpec {
            RolloutSpec(steps: steps, probation: Probation(duration: .seconds(20), holdback: 5))
        }
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec([Self.half, Self.all])))
        world.run(limit: 60) { $0.phase == .probation }
        precondition(world.state?.phase == .probation)
        if isPaused {
            world.command(.pause)
            world.pass()
        }
        world.commit(.example("good-2", rollout: spec([Self.half, Self.approval, Self.all])))
        world.run(limit: 3) { _ in false }
        world.command(.resume)
        world.run(limit: 120) { _ in false }
        #expect(world.state?.hold == .stepsEdited)
        #expect(world.state?.stable?.version == "good-1")
        world.command(.promote(.init()))
        world.run(limit: 10) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    struct Edit: CustomTestStringConvertible, Sendable {
        var name: String
        var before: [RolloutStep]
        var index: Int
        var after: [RolloutStep]
        /// The current step some looks later, its position, and the candidate's share.
        var step: RolloutStep
        var place: Int
        var weight: Int

        var testDescription: String { name }
    }

    static let edits: [Edit] = [
        Edit(
            name: "shortened behind the step that is under way", before: [five, forever, quarter, half, all], index: 1,
            after: [five, forever, all], step: forever, place: 1, weight: 5),
        Edit(
            name: "shortened to fewer steps than are done", before: [five, quarter, half, forever, all], index: 3,
            after: [five, forever, all], step: forever, place: 1, weight: 5),
        Edit(
            name: "another first step", before: [five, quarter, forever, all], index: 2,
            after: [RolloutStep(.setWeight(10)), forever, all], step: forever, place: 1, weight: 10),
        Edit(
            name: "an approval put in front", before: [five, quarter, forever, all], index: 2,
            after: [approval, five, quarter, all], step: approval, place: 0, weight: 0),
        Edit(
            name: "an approval put behind what is done", before: [five, forever, all], index: 1,
            after: [five, approval, forever, all], step: approval, place: 1, weight: 5),
        Edit(
            name: "lengthened behind the step that is under way", before: [five, forever, all], index: 1,
            after: [five, forever, quarter, approval, half, all], step: forever, place: 1, weight: 5),
        Edit(
            name: "reordered", before: [five, approval, quarter, all], index: 1,
            after: [quarter, approval, five, all], step: approval, place: 1, weight: 25),
        Edit(
            name: "left out, which gives the list that is there by default", before: [five, quarter, forever, all],
            index: 2, after: [five, RolloutStep(.pause(.seconds(60))), quarter, half, all],
            step: RolloutStep(.pause(.seconds(60))), place: 1, weight: 5),
        Edit(
            name: "all of the traffic in the middle", before: [five, forever, all], index: 1,
            after: [five, all, approval], step: approval, place: 1, weight: 5),
        Edit(
            name: "a lower weight for the step that is under way", before: [half, forever, all], index: 1,
            after: [five, forever, all], step: forever, place: 1, weight: 5),
    ]

    @Test("the rollout continues at the position that the content gives", arguments: edits)
    func edit(_ edit: Edit) {
        var world = world(edit.before, at: edit.index)
        let before = world.state?.rollout?.weight ?? 0
        world.commit(.example("good-2", rollout: spec(edit.after)))
        world.pass()
        #expect(world.state?.rollout?.weight ?? 100 <= before, "the weight does not rise by the edit itself")
        world.run(limit: 10) { _ in false }
        let rollout = world.state?.rollout
        #expect(rollout?.stepping?.current?.step == edit.step)
        #expect(rollout?.stepIndex == edit.place)
        #expect(rollout?.weight == edit.weight)
        #expect(!world.events.contains { $0.kind == .promoting && $0.version == "good-2" })
    }

    @Test("copies that the new list does not ask for stop at once")
    func copiesLeftOut() {
        var world = world([RolloutStep(.mirror(100)), Self.forever, Self.all], at: 1)
        #expect(world.state?.rollout?.mirror == 100)
        world.commit(.example("good-2", rollout: spec([Self.forever, Self.all])))
        world.pass()
        #expect(world.state?.rollout?.mirror == 0)
    }

    @Test("an empty list means all of the traffic, as a single step that waits for every gate")
    func emptied() {
        let errors = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
        var world = world([Self.five, Self.forever, Self.all], at: 1, gates: [errors])
        world.requestsPerTick = 0
        world.commit(.example("good-2", rollout: spec([], gates: [errors])))
        world.run(limit: 40) { _ in false }
        #expect(world.state?.phase == .progressing)
        #expect(world.state?.rollout?.weight == 0, "no step of the list gives it any")
    }

    @Test("a gate whose definition changes is evaluated again, although its name stays")
    func changedGate() {
        func check(_ command: String) -> GateSpec {
            GateSpec(name: "slices", kind: .check(CheckGate(command: [command], isOfStep: true)))
        }
        let steps = [Self.five, RolloutStep(.gate("slices")), Self.forever, Self.all]
        var world = World.serving("good-1")
        world.answer = { _ in .checked(.init(end: .exited(0))) }
        world.commit(.example("good-2", rollout: spec(steps, gates: [check("old")])))
        world.run(limit: 60) { $0.rollout?.stepIndex == 2 }
        world.answer = { _ in nil }
        world.commit(.example("good-2", rollout: spec(steps, gates: [check("new")])))
        world.run(limit: 10) { _ in false }
        #expect(world.state?.rollout?.stepIndex == 1)
        #expect(world.state?.rollout?.stepping?.current?.step.action == .gate("slices"))
    }

    @Test("a running pause keeps its clock when its duration changes")
    func pauseKeepsClock() {
        var world = world([Self.five, RolloutStep(.pause(.seconds(60))), Self.all], at: 1)
        let began = world.state?.rollout?.stepStartedAt
        world.run(limit: 20) { _ in false }
        world.commit(.example("good-2", rollout: spec([Self.five, RolloutStep(.pause(.seconds(30))), Self.all])))
        world.run(limit: 5) { _ in false }
        #expect(world.state?.rollout?.stepStartedAt == began)
        #expect(world.state?.phase == .paused)
    }

    // MARK: - The first deployment

    private static func check(_ name: String, isOfStep: Bool = false) -> GateSpec {
        GateSpec(name: name, kind: .check(CheckGate(command: [name], isOfStep: isOfStep)))
    }

    @Test("a check that is added, changed or taken out during a first deployment is the one that counts")
    func firstChecks() {
        var world = World(
            seed: 1, deployment: .example("good-1", rollout: spec([Self.all], gates: [Self.check("old")])))
        world.run(limit: 20) { _ in false }
        #expect(world.state?.waitingFor == "evidence before any traffic: old")
        world.commit(.example("good-1", rollout: spec([Self.all], gates: [Self.check("new"), Self.check("more")])))
        world.asked = []
        world.run(limit: 5) { _ in false }
        #expect(world.state?.waitingFor == "evidence before any traffic: new, more")
        #expect(Set(world.asked.map(\.id)) == ["gate:new/1", "gate:more/1"])
        world.answer = { $0.id.contains("new") ? .checked(CheckOutcome(end: .exited(0))) : nil }
        world.run(limit: 20) { $0.phase == .healthy }
        #expect(world.state?.stable == nil)
        world.commit(.example("good-1", rollout: spec([Self.all], gates: [Self.check("new")])))
        world.run(limit: 20) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-1")
    }

    @Test("an approval or a check of a step that is added to a first deployment is not passed over")
    func firstSteps() {
        for step in [Self.approval, RolloutStep(.gate("slices"))] {
            let gates = [Self.check("slices", isOfStep: true)]
            var world = World(
                seed: 1,
                deployment: .example("good-1", rollout: spec([Self.half, Self.approval, Self.all], gates: gates)))
            world.run(limit: 20) { $0.phase == .paused }
            world.commit(.example("good-1", rollout: spec([Self.half, step, Self.approval, Self.all], gates: gates)))
            world.pass()
            if step == Self.approval { world.command(.promote(.init())) }
            world.run(limit: 20) { $0.phase == .healthy }
            if step == Self.approval {
                #expect(world.state?.stable == nil, "one approval is not two")
                world.command(.promote(.init()))
            } else {
                #expect(world.state?.stable == nil, "the check has not passed")
                world.answer = { _ in .checked(CheckOutcome(end: .exited(0))) }
                world.run(limit: 20) { $0.phase == .paused }
                world.command(.promote(.init()))
            }
            world.run(limit: 20) { $0.phase == .healthy }
            #expect(world.state?.stable?.version == "good-1")
            #expect(world.transitions.allSatisfy(PhaseTable.allows))
        }
    }

    @Test("a first deployment that opens its endpoint waits for a new approval, and for no new weight")
    func firstOpening() {
        for (step, waits) in [(Self.approval, true), (Self.quarter, false)] {
            var world = World(seed: 1, deployment: .example("good-1", rollout: spec([Self.half, Self.all])))
            world.isProxyStuck = true
            world.run(limit: 30) { $0.phase == .promoting }
            world.commit(.example("good-1", rollout: spec([Self.half, step, Self.all])))
            world.pass()
            world.isProxyStuck = false
            world.run(limit: 30) { $0.phase == .healthy }
            #expect((world.state?.hold == .stepsEdited) == waits)
            #expect((world.state?.stable == nil) == waits)
        }
    }
}

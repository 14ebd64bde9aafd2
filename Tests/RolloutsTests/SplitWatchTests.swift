import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import Rollouts

/// If requests are missing on one side, comparisons are worthless: the rollout is held until a person decides.
@Suite("The split of a rollout's requests")
struct SplitWatchTests {
    private let stable = Revision(rawValue: "aaaaaaaaaa")
    private let candidate = Revision(rawValue: "bbbbbbbbbb")

    private func readings(_ stable: Int, _ candidate: Int, epoch: String = "e1", proxy: String = "") -> [Reading] {
        [(self.stable, stable), (self.candidate, candidate)].map {
            Reading(
                instance: Reading.split($0) + proxy, revision: $0, epoch: epoch, counters: RequestCounters(),
                split: SplitCounters(drawn: $1, ended: $1))
        }
    }

    private func looks(
        _ looks: [(readings: [Reading], share: Int, isInForce: Bool)]
    ) -> SplitWatch {
        looks.reduce(into: SplitWatch()) {
            $0.look(
                at: $1.readings, stable: stable, candidate: candidate, share: $1.share, isInForce: $1.isInForce,
                now: Date(timeIntervalSince1970: 0))
        }
    }

    private func drawn(_ watch: SplitWatch) -> [Int] { [watch.evidence.stable.drawn, watch.evidence.candidate.drawn] }

    @Test("counts a look only if its share was in force at the two looks before, and is now")
    func settling() {
        let steady = (1...6).map { (readings($0 * 95, $0 * 5), 5, true) }
        #expect(drawn(looks(Array(steady.prefix(2)))) == [0, 0])
        #expect(drawn(looks(Array(steady.prefix(3)))) == [95, 5])
        #expect(drawn(looks(steady)) == [380, 20])
        let moved =
            steady + [(readings(600, 60), 25, false), (readings(700, 90), 25, true), (readings(800, 120), 25, true)]
        #expect(drawn(looks(moved)) == [380, 20], "a share that comes is as new as the first")
        #expect(drawn(looks(moved + [(readings(875, 145), 25, true)])) == [455, 45])
    }

    @Test("counts nothing of a look in which a proxy came, went or restarted")
    func proxies() {
        let steady = (1...3).map { (readings($0 * 95, $0 * 5), 5, true) }
        let anew = steady + [(readings(10, 90, epoch: "e2"), 5, true), (readings(105, 95, epoch: "e2"), 5, true)]
        #expect(drawn(looks(anew)) == [190, 10])
        let two = steady + [(readings(380, 20) + readings(5, 95, proxy: "@b"), 5, true)]
        #expect(drawn(looks(two)) == [95, 5])
        let silent = steady + [([], 5, true), (readings(475, 25), 5, true)]
        #expect(drawn(looks(silent)) == [95, 5])
    }

    @Test("counts nothing if one side has all of the traffic")
    func whole() {
        for share in [0, 100] {
            #expect(drawn(looks((1...6).map { (readings($0 * 95, $0 * 5), share, true) })) == [0, 0])
        }
    }

    @Test("is not evidence of gates, and its reading is not a sibling of an instance that fails")
    func notInLedger() {
        var ledger = EvidenceLedger()
        func readings(_ failed: Int) -> [Reading] {
            self.readings(10, 10) + [
                Reading(
                    instance: "c-0", revision: candidate, epoch: "e1",
                    counters: RequestCounters(requests: failed, errors: failed))
            ]
        }
        _ = ledger.look(at: readings(0), stable: stable, candidate: candidate)
        guard case .interval(_, let counts) = ledger.look(at: readings(8), stable: stable, candidate: candidate) else {
            Issue.record("no interval")
            return
        }
        #expect(counts.errors == 8, "alone, it is waited for by nobody")
    }

    /// `good-2` loses a fifth of its requests.
    private func vanishing(_ rollout: RolloutSpec = .twoSteps) -> World {
        var world = World.serving("good-1")
        world.vanishing["good-2"] = 0.2
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 400) { $0.hold?.needsPerson == true }
        return world
    }

    @Test("holds the rollout when requests are lost, reports it, and continues when a person decides so")
    func held() throws {
        var world = vanishing()
        guard case .splitMismatch(let reason)? = world.state?.hold else {
            Issue.record("it is not held: \(String(describing: world.state?.phase))")
            return
        }
        #expect(reason.hasPrefix("requests are not split as intended: no gate sees "))
        #expect(world.state?.phase == .paused)
        #expect(world.events.last?.kind == .stuck)
        let summary = try #require(world.state?.rollout?.splitSummary)
        #expect(summary.isMismatched && summary.candidateMissing > 0 && summary.stableMissing == 0)
        world.command(.resume)
        world.pass()
        #expect(world.refusals.last?.reason.contains("'mlctl promote' continues anyway") == true)
        world.command(.promote(.init()))
        world.run(limit: 400) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-2")
    }

    @Test("drops its evidence on retry, and finds the same again")
    func retried() {
        var world = vanishing()
        world.command(.retry)
        world.pass()
        #expect(world.state?.hold == nil && world.state?.rollout?.split?.evidence.mismatch == nil)
        world.run(limit: 400) { $0.hold?.needsPerson == true }
        #expect(world.state?.phase == .paused)
    }

    @Test("does not keep a failing candidate in the traffic")
    func failing() {
        var world = World.serving("good-1")
        world.vanishing["bad-2"] = 0.2
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(!world.events.contains { $0.kind == .stuck }, "nobody was needed for that")
    }

    /// Up to the look that finds the mismatch.
    private func inDoubt(_ rollout: RolloutSpec = .twoSteps) -> World {
        var world = World.serving("good-1")
        world.vanishing["good-2"] = 0.2
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 400) { $0.rollout?.splitSummary?.isMismatched == true }
        return world
    }

    @Test("asks for nobody while the gates may still fail the candidate, and goes no step further meanwhile")
    func patience() throws {
        var world = inDoubt()
        let weight = try #require(world.state?.rollout?.weight)
        let wait = try #require(world.state?.wait(seeing: world.observe()))
        #expect(wait.text.hasPrefix("the gates to judge the candidate, for some seconds more (requests are not split"))
        #expect(!wait.needsPerson && world.state?.hold == nil)
        for _ in 0..<18 {
            world.passTime()
            world.pass()
            #expect(world.state?.hold == nil && world.state?.rollout?.weight == weight)
        }
        world.run(limit: 4) { $0.hold?.needsPerson == true }
        #expect(world.state?.hold?.needsPerson == true)
        #expect(world.events.last?.kind == .stuck)
    }

    @Test("a candidate that begins to fail meanwhile is rolled back, and nobody was asked for")
    func failsMeanwhile() {
        var world = inDoubt()
        world.turn("good-2", into: .bad)
        world.run(limit: 19) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
        #expect(!world.events.contains { $0.kind == .stuck || $0.kind == .paused })
    }

    @Test("a probation in doubt is not ended by another commit, and no step is let go on by the clock")
    func probationInDoubt() {
        var spec = RolloutSpec.twoSteps
        spec.probation = Probation(duration: .seconds(600), holdback: 50)
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: spec))
        world.run(limit: 400) { $0.phase == .probation }
        world.vanishing["good-2"] = 0.2
        world.run(limit: 400) { $0.rollout?.splitSummary?.isMismatched == true }
        #expect(world.state?.phase == .probation)
        world.commit(.example("good-3", rollout: spec))
        world.pass()
        #expect(world.state?.stable?.version == "good-1", "it was not taken for good")
    }

    @Test("one that is held and loses its instances needs nobody: it is taken out by itself")
    func heldAndAway() throws {
        var spec = RolloutSpec(
            steps: [RolloutStep(.setWeight(20)), RolloutStep(.pause(.seconds(600))), RolloutStep(.setWeight(100))],
            gates: [])
        spec.unavailableAfter = .seconds(10)
        var world = vanishing(spec)
        #expect(world.state?.wait(seeing: world.observe())?.needsPerson == true)
        world.turn("good-2", into: .dead)
        world.passTime()
        world.pass()
        let wait = try #require(world.state?.wait(seeing: world.observe()))
        #expect(
            wait.text.hasPrefix("0 of 1 instances of version good-2 are ready; then for a person: requests are not"))
        #expect(!wait.needsPerson && wait.endsAt != nil)
        world.run(limit: 40) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
    }

    @Test("holds nothing while requests are split as requested, also over restarts of the proxy")
    func equal() {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        for _ in 0..<20 {
            world.run(limit: 9) { $0.phase == .healthy }
            world.restartProxy()
        }
        #expect(world.state?.stable?.version == "good-2")
        #expect(!world.events.contains { $0.kind == .stuck })
    }
}

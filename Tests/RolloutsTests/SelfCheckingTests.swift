import Analysis
import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import Rollouts

/// Some rollouts get a self-check, which is counted at the end.
@Suite("Rollouts compared with themselves")
struct SelfCheckingTests {
    private func spec(share: Double) -> RolloutSpec {
        var spec = RolloutSpec.twoSteps
        spec.selfCheckShare = share
        return spec
    }

    private func rolledOut(_ version: String, share: Double, seed: UInt64 = 1) -> World {
        var world = World.serving("good-1", seed: seed)
        world.goodErrorRate = 0.02
        world.commit(.example(version, rollout: spec(share: share)))
        world.run(limit: 4000) { $0.phase == .rolledBack || $0.phase == .healthy && $0.stable?.version == version }
        return world
    }

    @Test("a rollout that ends adds one, promoted or rolled back; with a share of 0 none is checked")
    func counted() {
        for version in ["good-2", "bad-2"] {
            let world = rolledOut(version, share: 1)
            #expect(world.state?.rollout == nil)
            let tally = world.state?.selfChecks
            #expect(tally?.rollouts == 1 && tally?.falseAlarms == 0, "\(version): \(String(describing: tally))")
            #expect((tally?.promisedRate ?? 0) > 0 && (tally?.promisedRate ?? 1) <= 0.01)
        }
        #expect(rolledOut("good-2", share: 0).state?.selfChecks == nil)
    }

    @Test("a rollout that another commit ends is counted too, and the next one is checked separately")
    func superseded() throws {
        var world = World.serving("good-1")
        world.goodErrorRate = 0.02
        world.commit(.example("good-2", rollout: spec(share: 1)))
        world.run(limit: 40) { ($0.rollout?.weight ?? 0) >= 20 }
        world.passTime()
        for _ in 0..<10 { world.pass() }
        let first = try #require(world.state?.rollout?.selfCheck)
        world.commit(.example("good-3", rollout: spec(share: 1)))
        world.pass()
        #expect(world.state?.rollout?.selfCheck != nil && world.state?.rollout?.selfCheck != first)
        world.run(limit: 4000) { $0.phase == .healthy && $0.stable?.version == "good-3" }
        #expect((world.state?.selfChecks?.rollouts ?? 0) >= 1)
    }

    @Test("the first deployment and a restore have no gates and no check")
    func noRelease() {
        let world = World.serving("good-1")
        #expect(world.state?.selfChecks == nil)
    }

    @Test("it causes no additional writes and changes no decision")
    func writes() {
        var with = World.serving("good-1")
        with.commit(.example("good-2", rollout: spec(share: 1)))
        with.run(limit: 40) { ($0.rollout?.weight ?? 0) >= 20 }
        var without = with
        without.state?.rollout?.selfCheck = nil
        for _ in 0..<60 {
            with.run(limit: 1) { _ in false }
            without.run(limit: 1) { _ in false }
        }
        #expect(with.writes == without.writes)
        #expect(with.events.map(\.kind) == without.events.map(\.kind))
        #expect(with.state?.rollout?.judgement == without.state?.rollout?.judgement)
    }

    @Test("every controller chooses the same rollouts, about a quarter of them")
    func share() {
        let judgement = Judgement(
            gates: RolloutSpec.defaultGates, falseRollbackRate: 0.01, missedRegressionRate: 0.05,
            startedAt: Date.distantPast)
        func isChecked(_ number: Int) -> Bool {
            let candidate = DeployedRevision(
                template: ModelDeployment.example("good-\(number)").template, commit: "c",
                startedAt: Date(timeIntervalSince1970: Double(number)))
            let found = SelfCheck(judgement, of: candidate, share: 0.25)
            #expect(found == SelfCheck(judgement, of: candidate, share: 0.25))
            return found != nil
        }
        let checked = (0..<1000).count(where: isChecked)
        #expect((200...300).contains(checked), "\(checked)")
    }

    @Test("a record without a self-check is read")
    func olderRecord() throws {
        let state = try #require(rolledOut("good-2", share: 1).state)
        let text = String(decoding: try RolloutRecord.encode(state), as: UTF8.self)
        #expect(text.contains("selfChecks"))
        let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let older = try JSONSerialization.data(withJSONObject: json.filter { $0.key != "selfChecks" })
        let read = try RolloutRecord.decode(older)
        #expect(read.selfChecks == nil && read.stable == state.stable)
    }

    @Test("costs are counted if a gate asks for them, and their reading is not a sibling of an instance that fails")
    func costs() {
        let (stable, candidate) = (Revision(rawValue: "aaaaaaaaaa"), Revision(rawValue: "bbbbbbbbbb"))
        func readings(_ turn: Int) -> [Reading] {
            [stable, candidate].map { revision in
                Reading(
                    instance: Reading.cost("i-\(revision)"), revision: revision, epoch: "m",
                    counters: RequestCounters(named: [
                        CostCounter.cpuSeconds: Double(turn), CostCounter.instanceSeconds: Double(turn) * 2,
                        CostCounter.requests: Double(turn) * 10, CostCounter.memoryByteSeconds: 7,
                    ]), cost: InstanceCost(cpuSeconds: 1, memoryBytes: 1))
            } + [
                Reading(
                    instance: "c-0", revision: candidate, epoch: "e",
                    counters: RequestCounters(requests: turn * 8, errors: turn * 8))
            ]
        }
        for measuresCosts in [true, false] {
            var ledger = EvidenceLedger()
            _ = ledger.look(at: readings(0), stable: stable, candidate: candidate, measuresCosts: measuresCosts)
            let before = ledger
            guard
                case .interval(let ofStable, let ofCandidate) = ledger.look(
                    at: readings(1), stable: stable, candidate: candidate, measuresCosts: measuresCosts)
            else {
                Issue.record("no interval")
                return
            }
            #expect(ofStable.named[CostCounter.cpuSeconds] == (measuresCosts ? 1 : nil))
            #expect(ofCandidate.named[CostCounter.requests] == (measuresCosts ? 10 : nil))
            #expect(ofCandidate.errors == 8, "alone, it is waited for by nobody")
            #expect(ledger != before)
        }
    }
}

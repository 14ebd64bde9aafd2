import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import Rollouts

/// A candidate whose servers end is compared with stable: chance is no reason to take it back, and a crash loop is one.
@Suite("Servers that end again and again")
struct CrashWatchTests {
    private static let patient: RolloutSpec = {
        var spec = RolloutSpec(
            steps: [RolloutStep(.setWeight(25)), RolloutStep(.pause(.seconds(60))), RolloutStep(.setWeight(100))],
            gates: [])
        // The limit on availability is another rule, which compares nothing.
        spec.unavailableAfter = .seconds(3600)
        return spec
    }()

    /// `restarting-1` serves, and `restarting-2` is on its way, until that is over.
    /// - Parameter ends: how often each ends, by tick.
    private static func ended(
        seed: UInt64, stable: Double, candidate: Double, replicas: Int = 1, limit: Int = 400,
        rollout: RolloutSpec = patient
    ) -> World {
        var world = World(seed: seed, deployment: .example("restarting-1", replicas: replicas))
        world.endsPerTick = ["restarting-1": 0, "restarting-2": candidate]
        world.run(limit: 20) { $0.phase == .healthy }
        world.endsPerTick["restarting-1"] = stable
        world.commit(.example("restarting-2", replicas: replicas, rollout: rollout))
        world.run(limit: limit) { $0.phase == .rolledBack || $0.stable?.version == "restarting-2" }
        return world
    }

    @Test(
        "equal versions, both of which end now and then, are not rolled back for it", arguments: [0.02, 0.05, 0.1, 0.2])
    func equal(rate: Double) {
        var (rolledBack, looped) = (0, 0)
        for seed in 1...60 {
            let world = Self.ended(seed: UInt64(seed), stable: rate, candidate: rate)
            if world.state?.phase == .rolledBack {
                rolledBack += 1
                #expect(world.state?.message.contains("its servers ended ") == true, "another rule: \(seed)")
            }
            if world.instances.contains(where: { $0.restarts >= 5 }) { looped += 1 }
        }
        // At most one in a hundred by the promise.
        #expect(rolledBack <= 1, "\(rolledBack) of 60")
        if rate > 0.02 { #expect(looped > 4, "there are crash loops to be mistaken: \(looped)") }
    }

    @Test("where equal versions are away for almost two minutes of two, only the limit on availability takes one back")
    func limitOnAvailability() {
        var spec = Self.patient
        spec.unavailableAfter = .seconds(119)
        var reasons: [String] = []
        for seed in 1...60 {
            let world = Self.ended(seed: UInt64(seed), stable: 0.2, candidate: 0.2, rollout: spec)
            if let state = world.state, state.phase == .rolledBack { reasons.append(state.message) }
        }
        #expect(!reasons.isEmpty)
        #expect(reasons.filter { $0.contains("its servers ended ") }.count <= 1, "\(reasons)")
        #expect(reasons.contains { $0.contains("1m59s") }, "\(reasons)")
    }

    @Test("stable that ends more often than the candidate is no reason to take it back")
    func better() {
        for seed in 1...30 {
            let world = Self.ended(seed: UInt64(seed), stable: 0.2, candidate: 0.05)
            #expect(world.state?.phase != .rolledBack, "seed \(seed)")
        }
    }

    @Test("a candidate that ends as soon as it is ready leaves within half a minute, where stable does not end")
    func servesForAMoment() throws {
        var seconds: [Double] = []
        for seed in 1...20 {
            var world = Self.ended(seed: UInt64(seed), stable: 0, candidate: 0)
            world.commit(.example("restarting-3", rollout: Self.patient))
            world.endsPerTick["restarting-3"] = 0.5
            world.run(limit: 20) {
                $0.rollout?.candidate.version == "restarting-3" && $0.rollout?.hasBegunSteps == true
            }
            let began = world.now
            world.run(limit: 400) { $0.phase == .rolledBack }
            let message = try #require(world.state?.message)
            #expect(world.state?.phase == .rolledBack, "seed \(seed)")
            #expect(
                message.hasSuffix("those of version restarting-2 0 times")
                    || message.hasSuffix("without being ready in between"), "\(message)")
            seconds.append(world.now.timeIntervalSince(began))
        }
        let slowest = try #require(seconds.max())
        #expect(slowest <= 30, "\(seconds.sorted())")
    }

    @Test("a candidate that never comes up leaves after five ends, whatever stable does now and then")
    func neverServes() {
        var world = World(seed: 3, deployment: .example("restarting-1"))
        world.endsPerTick["restarting-1"] = 0
        world.run(limit: 20) { $0.phase == .healthy }
        world.endsPerTick["restarting-1"] = 0.1
        world.commit(.example("crashing-2", rollout: Self.patient))
        let began = world.now
        world.run(limit: 40) { $0.phase == .rolledBack }
        #expect(
            world.state?.message.hasSuffix("without being ready in between") == true, "\(world.state?.message ?? "")")
        #expect(world.now.timeIntervalSince(began) <= 6)
    }

    @Test("where stable's servers do not come up either, nobody is blamed before the limits of availability")
    func shared() {
        var world = World.serving("good-1")
        world.commit(.example("crashing-2", rollout: Self.patient))
        world.turn("good-1", into: .crashing)
        world.run(limit: 30) { $0.phase == .rolledBack }
        #expect(world.state?.rollout != nil && world.state?.rollout?.withdrawal == nil)
        #expect(world.state?.rollout?.candidate.version == "crashing-2")
    }

    @Test("without a stable, and for whoever goes back, a crash loop is one")
    func alone() {
        var world = World(seed: 1, deployment: .example("crashing-1"))
        world.run(limit: 40) { $0.phase == .rolledBack }
        #expect(world.state?.phase == .rolledBack)
    }

    // MARK: - By hand

    private let stable = Revision(rawValue: "s")
    private let candidate = Revision(rawValue: "c")

    private func seen(
        _ stable: (Int, InstanceObservation.Condition), _ candidate: (Int, InstanceObservation.Condition)
    ) -> [InstanceObservation] {
        [
            InstanceObservation(id: "s-0", revision: self.stable, condition: stable.1, restarts: stable.0),
            InstanceObservation(id: "c-0", revision: self.candidate, condition: candidate.1, restarts: candidate.0),
        ]
    }

    /// The candidate ends so many times, and is ready each time in between.
    private func watch(ends: Int, weight: Int = 25, stableRestarts: Int = 9) -> CrashWatch {
        var watch = CrashWatch()
        for count in 0...ends {
            for condition in [InstanceObservation.Condition.crashLooping, .ready] {
                watch.look(
                    at: seen((stableRestarts, .ready), (count, condition)), stable: stable, candidate: candidate,
                    weight: weight)
            }
        }
        return watch
    }

    @Test(
        "seven ends against none are no chance, and six may be; where the candidate has most of the traffic it takes more"
    )
    func thresholds() {
        #expect(!watch(ends: 6).isWorse && watch(ends: 7).isWorse)
        #expect(!watch(ends: 7, weight: 75).isWorse && watch(ends: 20, weight: 75).isWorse)
        #expect(!watch(ends: 50, weight: 100).isWorse, "stable has nothing to do, and nothing is compared")
        #expect(watch(ends: 7).candidateEnds == 7 && watch(ends: 7).stableEnds == 0)
    }

    @Test("what ended before anybody looked counts on neither side")
    func before() {
        var watch = CrashWatch()
        watch.look(at: seen((40, .ready), (30, .crashLooping)), stable: stable, candidate: candidate, weight: 25)
        #expect(watch.candidateEnds == 0 && watch.stableEnds == 0 && !watch.neverServes("c-0"))
        // One that comes later began since.
        watch.look(
            at: seen((41, .ready), (30, .ready)) + [
                InstanceObservation(id: "c-1", revision: candidate, condition: .starting, restarts: 2)
            ], stable: stable, candidate: candidate, weight: 25)
        #expect(watch.candidateEnds == 2 && watch.stableEnds == 1)
    }

    @Test("five ends in a row without being ready are enough; one look at which it is ready begins anew")
    func inARow() {
        var watch = CrashWatch()
        for count in 0...4 {
            watch.look(at: seen((0, .ready), (count, .crashLooping)), stable: stable, candidate: candidate, weight: 0)
        }
        #expect(!watch.neverServes("c-0"))
        watch.look(at: seen((0, .ready), (4, .ready)), stable: stable, candidate: candidate, weight: 0)
        for count in 5...9 {
            #expect(!watch.neverServes("c-0"))
            watch.look(at: seen((0, .ready), (count, .crashLooping)), stable: stable, candidate: candidate, weight: 0)
        }
        #expect(watch.neverServes("c-0") && !watch.neverServes("s-0"))
    }

    @Test("a server that leaves is no crash, and a look without news leaves all as it is")
    func unchanged() throws {
        var watch = watch(ends: 2)
        let before = watch
        watch.look(at: seen((9, .ready), (2, .ready)), stable: stable, candidate: candidate, weight: 25)
        #expect(watch == before)
        watch.look(at: seen((9, .draining), (2, .ready)), stable: stable, candidate: candidate, weight: 25)
        #expect(watch.stableEnds == 0)
        let written = try JSONEncoder().encode(watch)
        #expect(try JSONDecoder().decode(CrashWatch.self, from: written) == watch)
    }
}

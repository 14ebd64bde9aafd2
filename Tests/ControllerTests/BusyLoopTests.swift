import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Controller
@testable import ControllerRuntime

/// No state leads to a busy loop, even if the backend reports a change after every apply.
@Suite("Passes over a deployment that does not advance", .timeLimit(.minutes(10)))
struct BusyLoopTests {
    /// A state, and what keeps it from advancing.
    struct Standstill: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var make: @Sendable () -> World
    }

    private static func deployment(_ version: String, _ change: (inout ModelDeployment) -> Void = { _ in })
        -> ModelDeployment
    {
        var deployment = ModelDeployment.example(version, rollout: pausing)
        change(&deployment)
        return deployment
    }

    private static let pausing = RolloutSpec(
        steps: [RolloutStep(.setWeight(20)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))],
        gates: [GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))])

    /// One stable version, and one that is wanted but that `change` keeps from advancing.
    private static func serving(
        _ name: String, next: String = "good-2", _ change: @escaping @Sendable (inout World) -> Void
    ) -> Standstill {
        Standstill(testDescription: "\(name), with a stable version") {
            var world = World.serving("good-1")
            world.commit(deployment(next))
            change(&world)
            return world
        }
    }

    private static func new(
        _ name: String, _ version: String = "good-1", _ change: @escaping @Sendable (inout World) -> Void = { _ in }
    ) -> Standstill {
        Standstill(testDescription: "\(name), without a stable version") {
            var world = World(seed: 1, deployment: deployment(version))
            change(&world)
            return world
        }
    }

    static let standstills = [
        new("suspended") { $0.commit(deployment("good-1") { $0.suspend = true }) },
        new("waiting for nobody") {
            $0.unmetDependencies = [UnmetDependency("test/nobody, which git does not have", isAbsent: true)]
        },
        new("loading for ever", "stuck-1"),
        new("crashing", "crashing-1"),
        new("healthy"),
        new("removed") { world in
            world.run(limit: 20) { $0.phase == .healthy }
            world.desired = .removed
        },
        new("unreadable") { $0.desired = .unreadable },
        serving("suspended") { $0.commit(deployment("good-2") { $0.suspend = true }) },
        serving("waiting for nobody") {
            $0.unmetDependencies = [UnmetDependency("test/nobody, which git does not have", isAbsent: true)]
        },
        serving("loading for ever", next: "stuck-2") { _ in },
        serving("crashing", next: "crashing-2") { _ in },
        serving("paused") { world in world.run(limit: 60) { $0.phase == .paused } },
        serving("paused without a proxy") { world in
            world.run(limit: 60) { $0.phase == .paused }
            world.isProxyReachable = false
        },
        serving("aborting without a proxy") { world in
            world.run(limit: 60) { $0.phase == .paused }
            world.isProxyReachable = false
            world.command(.abort)
        },
        serving("promoting without a proxy") { world in
            world.run(limit: 60) { $0.phase == .paused }
            world.isProxyReachable = false
            world.command(.promote(full: true))
        },
        serving("bad", next: "bad-2") { _ in },
        serving("failed", next: "good-1") { $0.turn("good-1", into: .crashing) },
        serving("removed") { $0.desired = .removed },
    ]

    @Test("happen at most twice a second, and every few seconds at rest", arguments: standstills)
    func passes(standstill: Standstill) {
        let quiet = passesInTwoMinutes(standstill.make(), isNoisy: false)
        #expect(quiet <= 2 * 120 + 60)
        // If everything looks like a change, the runner's own pace limits the passes.
        let noisy = passesInTwoMinutes(standstill.make(), isNoisy: true)
        #expect(noisy <= 25 + 5 * 120)
    }

    /// The loop in simulated time: the runner's own decisions, over a world in which a pass takes a millisecond.
    private func passesInTwoMinutes(_ start: World, isNoisy: Bool) -> Int {
        var machine = RunnerStateMachine<String, ManualClock.Instant>(
            configuration: RunnerConfiguration())
        var (world, random) = (start, SeededRandom(seed: 1))
        var now = ManualClock.Instant()
        let end = now.advanced(by: .seconds(120))
        var tick = now
        _ = machine.start()
        machine.add("model", at: now)
        var passes = 0
        for _ in 0..<500_000 where now < end {
            while tick <= now {
                world.passTime()
                tick = tick.advanced(by: .seconds(World.tick))
            }
            switch machine.nextAction(now: now) {
            case .start(let key):
                passes += 1
                let plan = world.plan
                let decision = world.pass()
                if isNoisy || world.plan != plan { machine.add(key, at: now) }
                let next = decision?.lookAgainAt.map { Duration.seconds(max(0, $0.timeIntervalSince(world.now))) }
                now = now.advanced(by: .milliseconds(1))
                machine.workerEnded(
                    key, decision == nil ? .done : .after(next ?? .seconds(15)), now: now, using: &random)
            case .wait(let next): now = min(end, max(now, next ?? end))
            case .cancelWorkers, .finish: return passes
            }
        }
        return passes
    }

    @Test("are deferred if the controller's own passes trigger them, and commands are still answered at once")
    func controller() async throws {
        let rig = PassRig([
            "a.yaml": PassRig.manifest("1", more: "  suspend: true"),
            "b.yaml": PassRig.manifest("1", name: "other", more: "  dependsOn: [{name: nobody}]"),
        ])
        await rig.backend.makeNoisy()
        try await rig.running { controller in
            func count(_ name: String) async -> Int {
                let line = await controller.metrics().split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                return line.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
            }
            let began = ContinuousClock.now
            try await rig.wait("deferred") { await count("mlctl_queue_deferred_total") >= 6 }
            // A noisy backend triggers passes all the time: without the pace there would be thousands per second.
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            #expect(Double(await count("mlctl_passes_total")) < 200 + 50 * seconds)
            await #expect(throws: ControlError.self) {
                try await controller.act(OperatorCommand(.abort), on: PassRig.key)
            }
        }
    }
}

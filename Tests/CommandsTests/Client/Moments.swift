import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import Controller

/// A deployment in one situation, decided by the real controller in a simulated world, and the expected conditions.
struct Moment: CustomTestStringConvertible, Sendable {
    var name: String
    var phase: Phase
    /// The expected status of the condition `Available`.
    var available: String
    /// The expected status of the condition `Ready`.
    var ready = "False"
    var cause: PersonCause?
    var view: @Sendable () -> DeploymentView

    var testDescription: String { name }
}

extension World {
    fileprivate static func rollingOut(_ version: String = "good-2", _ rollout: RolloutSpec = .twoSteps) -> World {
        var world = serving("good-1")
        world.commit(.example(version, rollout: rollout))
        return world
    }

    /// `good-2` has replaced `good-1`, and git still asks for it.
    static var servingSecond: World {
        var world = rollingOut()
        world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        world.passTime()
        return world
    }

    fileprivate func until(_ limit: Int = 400, _ isOver: (RolloutState) -> Bool) -> World {
        var world = self
        world.run(limit: limit, until: isOver)
        return world
    }

    fileprivate func with(_ change: (inout World) -> Void) -> World {
        var world = self
        change(&world)
        return world
    }

    var view: DeploymentView {
        DeploymentView(
            key: DeploymentKey(namespace: "test", name: "model"), state: state, observed: observe(), firstSeenAt: now)
    }
}

extension RolloutSpec {
    fileprivate static func steps(_ steps: RolloutStep.Action..., change: (inout RolloutSpec) -> Void = { _ in })
        -> RolloutSpec
    {
        var spec = twoSteps
        if !steps.isEmpty { spec.steps = steps.map { RolloutStep($0) } }
        change(&spec)
        return spec
    }
}

extension Moment {
    static let all: [Moment] = beforeAnything + rollouts + holds + rests + outOfSight

    private static let beforeAnything: [Moment] = [
        Moment(name: "nothing decided yet", phase: .idle, available: "False") {
            DeploymentView(key: DeploymentKey(name: "model"), firstSeenAt: Date(timeIntervalSince1970: 0))
        },
        Moment(name: "never valid", phase: .idle, available: "False", cause: .invalidManifest) {
            DeploymentView(key: DeploymentKey(name: "model"), diagnostics: [invalid], firstSeenAt: .distantPast)
        },
        Moment(name: "its site has yet to be read", phase: .degraded, available: "Unknown", ready: "Unknown") {
            DeploymentView(
                key: DeploymentKey(name: "model"), problem: "cluster prod cannot be reached", isInTheDark: true,
                firstSeenAt: .distantPast)
        },
        Moment(name: "new and suspended", phase: .idle, available: "False", cause: .suspended) {
            var deployment = ModelDeployment.example("good-1")
            deployment.suspend = true
            return World(seed: 1, deployment: deployment).with { $0.pass() }.view
        },
        Moment(name: "new, and another comes first", phase: .idle, available: "False") {
            World(seed: 1, deployment: .example("good-1")).with {
                $0.unmetDependencies = [UnmetDependency("test/encoder, which is Progressing")]
                $0.pass()
            }.view
        },
        Moment(
            name: "new, and what must come first is not in git", phase: .idle, available: "False",
            cause: .dependencyMissing
        ) {
            World(seed: 1, deployment: .example("good-1")).with {
                $0.unmetDependencies = [UnmetDependency("test/encoder, which is missing", isAbsent: true)]
                $0.pass()
            }.view
        },
        Moment(name: "the first one loads", phase: .preparing, available: "False") {
            World(seed: 1, deployment: .example("stuck-1")).with { $0.run(limit: 5) { _ in false } }.view
        },
        Moment(name: "the first one waits for its approval", phase: .paused, available: "False", cause: .approval) {
            World(seed: 1, deployment: .example("good-1", rollout: .steps(.setWeight(10), .approval, .setWeight(100))))
                .until { $0.phase == .paused }.view
        },
        Moment(name: "the first one failed", phase: .rolledBack, available: "False", cause: .heldOff) {
            World(seed: 1, deployment: .example("crashing-1")).until { $0.phase == .rolledBack }.view
        },
    ]

    private static let rollouts: [Moment] = [
        Moment(name: "loading beside stable", phase: .preparing, available: "True") {
            World.rollingOut("stuck-2").until(10) { $0.phase == .preparing }.view
        },
        Moment(name: "a step with evidence to come", phase: .progressing, available: "True") {
            World.rollingOut().until { $0.phase == .progressing }.view
        },
        Moment(name: "a pause with an end", phase: .paused, available: "True") {
            World.rollingOut("good-2", .steps(.setWeight(20), .pause(.seconds(60)), .setWeight(100)))
                .until { $0.phase == .paused }.view
        },
        Moment(name: "a pause without an end", phase: .paused, available: "True", cause: .pause) {
            World.rollingOut("good-2", .steps(.setWeight(20), .pause(nil), .setWeight(100)))
                .until { $0.phase == .paused }.view
        },
        Moment(name: "an approval", phase: .paused, available: "True", cause: .approval) {
            World.rollingOut("good-2", .steps(.setWeight(20), .approval, .setWeight(100)))
                .until { $0.phase == .paused }.view
        },
        Moment(name: "a promotion", phase: .promoting, available: "True") {
            World.rollingOut().until { $0.phase == .promoting }.view
        },
        Moment(name: "probation", phase: .probation, available: "True") {
            World.rollingOut("good-2", .steps { $0.probation = Probation(duration: .seconds(30), holdback: 5) })
                .until { $0.phase == .probation }.view
        },
        Moment(name: "on the way back", phase: .rollingBack, available: "True") {
            World.rollingOut("bad-2").until { $0.phase == .rollingBack }.view
        },
        Moment(name: "back to an earlier version", phase: .preparing, available: "True") {
            World.servingSecond.with {
                $0.command(.rollback(to: nil))
                $0.pass()
            }.view
        },
        Moment(name: "stable made way", phase: .preparing, available: "False") {
            World.rollingOut("stuck-2", .steps(.setWeight(100)) { $0.strategy = .recreate })
                .until(20) { $0.shortage?.kind == .intendedGap }.view
        },
        Moment(name: "stable lost its instances in mid-rollout", phase: .progressing, available: "False") {
            World.rollingOut().until { $0.phase == .progressing }.with {
                $0.turn("good-1", into: .dead)
                $0.run(limit: 4) { $0.shortage != nil }
            }.view
        },
        Moment(name: "the endpoint closed in mid-rollout", phase: .progressing, available: "False") {
            World.rollingOut().until { $0.phase == .progressing }.with {
                $0.isPortTaken = true
                $0.run(limit: 4) { $0.shortage?.kind == .endpointClosed }
            }.view
        },
        Moment(name: "suspended in mid-rollout", phase: .progressing, available: "True", cause: .suspended) {
            World.rollingOut().until { $0.phase == .progressing }.with {
                $0.command(.suspend)
                $0.pass()
            }.view
        },
        Moment(
            name: "an invalid manifest in mid-rollout", phase: .progressing, available: "True", cause: .invalidManifest
        ) {
            var view = World.rollingOut().until { $0.phase == .progressing }.view
            view.diagnostics = [invalid]
            view.invalidSince = view.firstSeenAt
            return view
        },
    ]

    private static let holds: [Moment] = [
        Moment(
            name: "a candidate that the policy forbids now", phase: .paused, available: "True", cause: .outsidePolicy
        ) {
            World.rollingOut().until { $0.phase == .progressing }.with {
                $0.forbid("good-2", "spec.runtime.command: no (policy 'commands' of project 'risk')")
                $0.pass()
            }.view
        },
        Moment(name: "held by an operator", phase: .paused, available: "True", cause: .operatorPause) {
            World.rollingOut().until { $0.phase == .progressing }.with {
                $0.command(.pause)
                $0.pass()
            }.view
        },
        Moment(name: "held for want of data", phase: .paused, available: "True") {
            World.rollingOut("good-2", .steps { $0.progressDeadline = .seconds(20) }).with {
                $0.requestsPerTick = 0
                $0.run(limit: 100) { $0.hold == .insufficientEvidence }
            }.view
        },
        Moment(name: "held by a failed gate", phase: .paused, available: "True", cause: .gateFailed) {
            World.rollingOut("bad-2", .steps { $0.onFailure = .pause }).until { $0.phase == .paused }.view
        },
        Moment(name: "held by an unavailable candidate", phase: .paused, available: "False", cause: .unavailable) {
            World.rollingOut(
                "good-2",
                .steps(.setWeight(20), .pause(.seconds(600)), .setWeight(100)) {
                    $0.gates = []
                    $0.onFailure = .pause
                }
            )
            .until { $0.phase == .paused }.with {
                $0.turn("good-2", into: .dead)
                $0.run(limit: 200) { $0.hold?.needsPerson == true }
            }.view
        },
        Moment(name: "held because requests vanish", phase: .paused, available: "True", cause: .splitMismatch) {
            World.rollingOut().with { $0.vanishing["good-2"] = 0.2 }.until { $0.hold?.needsPerson == true }.view
        },
        Moment(name: "held for want of a data plane", phase: .paused, available: "True") {
            World.rollingOut("good-2", .steps { $0.progressDeadline = .seconds(20) })
                .until { $0.phase == .preparing }.with {
                    $0.isProxyStuck = true
                    $0.run(limit: 200) { $0.hold == .trafficUnconfirmed }
                }.view
        },
        Moment(
            name: "new steps that came while it was being promoted", phase: .paused, available: "True", cause: .approval
        ) {
            World.rollingOut().until { $0.phase == .progressing }.with {
                $0.isProxyStuck = true
                $0.command(.promote(.init(isFull: true)))
                $0.run(limit: 200) { $0.phase == .promoting }
                $0.commit(.example("good-2", rollout: .steps(.setWeight(50), .approval, .setWeight(100))))
                $0.pass()
            }.view
        },
    ]

    private static let rests: [Moment] = [
        Moment(name: "all is well", phase: .healthy, available: "True", ready: "True") { World.serving("good-1").view },
        Moment(name: "suspended, and nothing held up", phase: .healthy, available: "True", ready: "True") {
            World.serving("good-1").with {
                $0.command(.suspend)
                $0.pass()
            }.view
        },
        Moment(name: "suspended, and a commit held up", phase: .healthy, available: "True", cause: .suspended) {
            World.serving("good-1").with {
                $0.command(.suspend)
                $0.pass()
                $0.commit(.example("good-2"))
                $0.pass()
            }.view
        },
        Moment(name: "a commit waits for another deployment", phase: .healthy, available: "True") {
            World.serving("good-1").with {
                $0.unmetDependencies = [UnmetDependency("test/encoder, which is Progressing")]
                $0.commit(.example("good-2"))
                $0.pass()
            }.view
        },
        Moment(name: "too few instances", phase: .degraded, available: "False") {
            World.serving("good-1").with {
                $0.turn("good-1", into: .dead)
                $0.run(limit: 4) { $0.phase == .degraded }
            }.view
        },
        Moment(name: "too few instances, and no pass since", phase: .degraded, available: "False") {
            World.serving("good-1").with { $0.turn("good-1", into: .dead) }.view
        },
        Moment(
            name: "the endpoint's port is taken", phase: .degraded, available: "False", cause: .portTaken
        ) {
            World.serving("good-1").with {
                $0.isPortTaken = true
                $0.run(limit: 4) { $0.phase == .degraded }
            }.view
        },
        Moment(name: "the endpoint's port is taken, and no pass since", phase: .degraded, available: "False") {
            World.serving("good-1").with { $0.isPortTaken = true }.view
        },
        Moment(name: "even stable cannot serve", phase: .failed, available: "False", cause: .cannotServe) {
            World.serving("good-1").with {
                $0.turn("good-1", into: .crashing)
                $0.run(limit: 60) { $0.phase == .failed }
            }.view
        },
        Moment(name: "rolled back by its evidence", phase: .rolledBack, available: "True", cause: .heldOff) {
            World.rollingOut("bad-2").until { $0.phase == .rolledBack }.view
        },
        Moment(name: "rolled back by hand", phase: .rolledBack, available: "True", cause: .heldOff) {
            World.servingSecond.with {
                $0.command(.rollback(to: nil))
                $0.run(limit: 100) { $0.phase == .rolledBack }
            }.view
        },
        Moment(name: "rolled back, and then too few instances", phase: .degraded, available: "False", cause: .heldOff) {
            World.rollingOut("bad-2").until { $0.phase == .rolledBack }.with {
                $0.passTime()
                $0.turn("good-1", into: .dead)
                $0.run(limit: 4) { $0.phase == .degraded }
            }.view
        },
        Moment(name: "an invalid manifest", phase: .healthy, available: "True", cause: .invalidManifest) {
            var view = World.serving("good-1").view
            view.diagnostics = [invalid]
            view.invalidSince = view.firstSeenAt
            return view
        },
        Moment(name: "kept, although it is not in git", phase: .healthy, available: "True", cause: .notInGit) {
            var view = World.serving("good-1").view
            view.absence = ManifestAbsence(
                deployment: view.key, since: "c2", reason: "models.yaml is a Git LFS pointer, not a manifest",
                remedy: "keep manifests out of Git LFS", path: "models.yaml")
            view.invalidSince = view.firstSeenAt
            return view
        },
        Moment(name: "wanted at another place", phase: .healthy, available: "True", cause: .anotherPlace) {
            World.serving("good-1").with {
                var deployment = ModelDeployment.example("good-2")
                deployment.target = .kubernetes(KubernetesTarget(cluster: "prod"))
                $0.commit(deployment)
                $0.pass()
            }.view
        },
        Moment(name: "a pass that cannot do its work", phase: .healthy, available: "True") {
            var view = World.serving("good-1").view
            view.problem = "the model store is away"
            view.problemSince = view.firstSeenAt
            return view
        },
        Moment(name: "a rollback that cannot be recorded", phase: .rollingBack, available: "True", cause: .notRecorded)
        {
            var view = World.rollingOut("bad-2").until { $0.phase == .rollingBack }.view
            view.problem = "the disk is full"
            view.recordProblem = "the disk is full"
            return view
        },
        Moment(name: "taken down", phase: .idle, available: "False") {
            World.serving("good-1").with {
                $0.desired = .removed
                $0.pass()
            }.view
        },
    ]

    private static let outOfSight: [Moment] = [
        Moment(
            name: "healthy, and not looked at since the start", phase: .degraded, available: "Unknown", ready: "Unknown"
        ) {
            unseen(World.serving("good-1"))
        },
        Moment(name: "rolled back, and not looked at", phase: .degraded, available: "Unknown", ready: "Unknown") {
            unseen(World.rollingOut("bad-2").until { $0.phase == .rolledBack })
        },
        Moment(name: "failed, and not looked at", phase: .degraded, available: "Unknown", ready: "Unknown") {
            unseen(
                World.serving("good-1").with {
                    $0.turn("good-1", into: .crashing)
                    $0.run(limit: 60) { $0.phase == .failed }
                })
        },
        Moment(name: "in mid-rollout, and not looked at", phase: .progressing, available: "Unknown") {
            unseen(World.rollingOut().until { $0.phase == .progressing })
        },
        Moment(name: "out of sight", phase: .healthy, available: "Unknown", ready: "Unknown") {
            blind(World.serving("good-1"))
        },
        Moment(name: "rolled back, and out of sight", phase: .rolledBack, available: "Unknown", ready: "Unknown") {
            blind(World.rollingOut("bad-2").until { $0.phase == .rolledBack })
        },
        Moment(name: "in mid-rollout, and out of sight", phase: .progressing, available: "Unknown") {
            blind(World.rollingOut().until { $0.phase == .progressing })
        },
    ]

    private static func blind(_ world: World) -> DeploymentView {
        var view = world.view
        view.blindness = ObservationOutage(
            reason: "the API server is away", since: world.now, seenAt: world.now.addingTimeInterval(-60))
        return view
    }

    private static func unseen(_ world: World) -> DeploymentView {
        var view = world.view
        view.observed = nil
        return view
    }

    private static let invalid = Diagnostic(
        file: "model.yaml", line: 2, column: 1, message: "no runtime",
        deployment: DeploymentKey(namespace: "test", name: "model"))
}

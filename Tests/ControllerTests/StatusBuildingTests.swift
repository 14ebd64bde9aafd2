import Analysis
import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import Controller

@Suite("A status")
struct StatusBuildingTests {
    private func view(_ world: World, _ observed: Observation? = nil) -> DeploymentView {
        DeploymentView(
            key: DeploymentKey(namespace: "test", name: "model"), state: world.state,
            observed: observed ?? world.observe(), firstSeenAt: world.now)
    }

    private static let threeSteps = RolloutSpec(
        steps: [RolloutStep(.setWeight(20)), RolloutStep(.pause(nil)), RolloutStep(.setWeight(100))], gates: [])

    @Test("has the current position in the list of steps, also if the list was edited")
    func editedSteps() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: Self.threeSteps))
        world.run(limit: 40) { $0.phase == .paused }
        #expect(view(world).status.step == StepStatus(index: 1, count: 3, description: "pause until 'mlctl promote'"))
        var edited = Self.threeSteps
        edited.steps.insert(contentsOf: [RolloutStep(.setWeight(10)), RolloutStep(.approval)], at: 0)
        world.commit(.example("good-2", rollout: edited))
        world.run(limit: 10) { $0.rollout?.currentStep(of: edited)?.action == .approval }
        #expect(view(world).status.step == StepStatus(index: 1, count: 5, description: "approval"))
    }

    @Test("names what a rollback passes over, once it was aborted, and nothing before")
    func passedOver() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.stable?.version == "good-2" }
        #expect(view(world).status.passedOver == nil)
        world.turned["good-1"] = .stuck
        world.command(.rollback(to: nil))
        world.run(limit: 5) { _ in false }
        world.command(.abort)
        world.run(limit: 10) { $0.rollout == nil }
        let entry = try #require(view(world).status.passedOver?.first)
        #expect(entry.version == "good-1" && entry.reason == "aborted by tester")
        let json = String(decoding: try JSONEncoder().encode(view(world).status), as: UTF8.self)
        #expect(json.contains(#""passedOver":[{"#) && json.contains(#""quarantined":[]"#))
    }

    @Test("shows the last step during a promotion, and none during a rollback or a restore")
    func stepAfterSteps() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .promoting }
        #expect(view(world).status.step == StepStatus(index: 2, count: 3, description: "set weight 100 %"))
        world.run(limit: 20) { $0.phase == .healthy }
        world.command(.rollback(to: nil))
        world.pass()
        #expect(world.state?.rollout?.purpose == .restore && view(world).status.step == nil)
        var failing = World.serving("good-1")
        failing.commit(.example("bad-2", rollout: .twoSteps))
        failing.run(limit: 400) { $0.phase == .rollingBack }
        #expect(view(failing).status.candidate != nil && view(failing).status.step == nil)
    }

    @Test("shows a suspension, and what ends it, in its message, a condition and a metric")
    func suspended() throws {
        var world = World.serving("good-1")
        #expect(view(world).status.conditions.allSatisfy { $0.type != Condition.suspended })
        world.command(.suspend)
        world.pass()
        let status = view(world).status
        #expect(status.message == "version good-1 serves; suspended: nothing new is rolled out until 'mlctl resume'")
        #expect(status.conditions.first { $0.type == Condition.suspended }?.status == "True")
        #expect(status.condition(.ready)?.status == "True", "all that git asks for serves")
        var metrics = MetricsText()
        metrics.add(status)
        #expect(metrics.rendered.contains("mlctl_deployment_suspended{"))
    }

    @Test("names the version that was left, during an operator's rollback and afterwards")
    func left() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        let left = try #require(world.state?.stable)
        world.passTime()
        world.command(.rollback(to: nil))
        world.pass()
        #expect(view(world).status.leftVersion == "good-2")
        world.run(limit: 40) { $0.phase == .rolledBack }
        #expect(view(world).status.leftVersion == "good-2")
        #expect(world.state?.left == LeftRevision(version: "good-2", revision: left.revision))
    }

    @Test("has restarts, ejected instances and cut requests only if there were any")
    func troubles() throws {
        let world = World.serving("good-1")
        let stable = try #require(world.state?.stable?.revision)
        let quiet = view(world).status
        #expect(quiet.cutRequests == nil && quiet.refusedConnections == nil)
        #expect(quiet.stable?.restarts == nil && quiet.stable?.ejected == nil && quiet.stable?.unavailable == nil)
        #expect(quiet.instances.map(\.condition) == ["ready"] && quiet.stable?.progress == nil)

        var observed = world.observe()
        observed.instances[0].restarts = 3
        observed.instances.append(
            InstanceObservation(
                id: "z", revision: stable, condition: .fetching, isEjected: true, reason: "40 % of 4 GiB"))
        observed.cutRequests = 7
        observed.refusedConnections = 9
        var view = view(world, observed)
        view.unavailable = [stable: 11]
        view.abandoned = [stable: 13]
        view.costs = [stable: InstanceCost(cpuSeconds: 41.256, memoryBytes: 1 << 20)]
        var loud = view.status
        #expect(loud.selfCheck == nil)
        loud.selfCheck = SelfCheckSummary(
            rollouts: 120, falseAlarms: 9, promisedRate: 0.01, isBroken: true, reason: "of 120 rollouts 9")
        #expect(loud.cutRequests == 7 && loud.refusedConnections == 9 && loud.stable?.unavailable == 11)
        #expect(loud.stable?.abandoned == 13 && quiet.stable?.abandoned == nil)
        #expect(loud.stable?.restarts == 3 && loud.stable?.ejected == 1 && loud.stable?.progress == "1 fetching")
        #expect(loud.instances.first?.id == "z", "those with something wrong first")
        #expect(loud.message.contains("40 % of 4 GiB"))
        var text = MetricsText()
        text.add(loud)
        let own = #"name="model",namespace="test""#
        for line in [
            #"mlctl_instance_restarts_total{\#(own),revision="\#(stable)"} 3"#,
            #"mlctl_unavailable_requests_total{\#(own),revision="\#(stable)"} 11"#,
            #"mlctl_abandoned_requests_total{\#(own),revision="\#(stable)"} 13"#,
            "mlctl_cut_requests_total{\(own)} 7", "mlctl_refused_connections_total{\(own)} 9",
            "mlctl_ejected_instances{\(own)} 1",
            #"mlctl_revision_cpu_seconds_total{\#(own),revision="\#(stable)"} 41.26"#,
            #"mlctl_revision_memory_bytes{\#(own),revision="\#(stable)"} 1048576"#,
            "mlctl_self_check_rollouts_total{\(own)} 120", "mlctl_self_check_false_alarms_total{\(own)} 9",
            "mlctl_self_check_promised_rate{\(own)} 0.01",
        ] { #expect(text.rendered.contains(line + "\n")) }
        var none = MetricsText()
        none.add(quiet)
        #expect(none.rendered.split(separator: "\n").filter { !$0.hasPrefix("#") }.count == 4)
    }

    @Test("notes that no gate judges predictions while that can be changed, and readiness stays as it was")
    func predictions() throws {
        var world = World.serving("good-1")
        func note() -> (status: String, message: String)? {
            view(world).status.conditions.first { $0.type == "PredictionsJudged" }.map { ($0.status, $0.message) }
        }
        #expect(note()?.status == "False")
        #expect(note()?.message.hasPrefix("no gate looks at predictions: ") == true)
        #expect(view(world).status.condition(.ready)?.status == "True")
        var rollout = RolloutSpec.twoSteps
        rollout.gates.append(
            GateSpec(name: "evaluation", kind: .check(CheckGate(command: ["evaluate"])), warnOnly: true))
        world.commit(.example("good-1", rollout: rollout))
        world.pass()
        #expect(note() == nil)
        world.commit(.example("good-1"))
        world.pass()
        world.command(.suspend)
        world.pass()
        #expect(note() == nil)
    }

    @Test("has what each gate still needs, and a metric for a failed gate that only warns")
    func gates() throws {
        var world = World.serving("good-1")
        var rollout = RolloutSpec.twoSteps
        rollout.steps.insert(RolloutStep(.pause(nil)), at: 1)
        world.commit(.example("good-2", rollout: rollout))
        world.run(limit: 100) { ($0.rollout?.gateSummaries.first?.samples ?? 0) > 200 }
        #expect(view(world).status.gates.first?.missing?.contains(" more requests, ") == true)
        #expect(world.events.flatMap(\.evidence).allSatisfy { $0.missing == nil })

        rollout.gates = rollout.gates.map { GateSpec(name: $0.name, kind: $0.kind, warnOnly: true) }
        var warned = World.serving("good-1")
        warned.commit(.example("bad-2", rollout: rollout))
        warned.run(limit: 100) { $0.rollout?.gateSummaries.first?.verdict == "fail" }
        var text = MetricsText()
        text.add(view(warned).status)
        #expect(
            text.rendered.contains(#"mlctl_gate_would_have_failed{gate="errors",name="model",namespace="test"} 1"#),
            "\(text.rendered)")
    }

    @Test("lists a limited number of instances")
    func instanceLimit() throws {
        let world = World.serving("good-1")
        let stable = try #require(world.state?.stable?.revision)
        var observed = world.observe()
        observed.instances = (0..<500).map {
            InstanceObservation(id: "i-\($0)", revision: stable, condition: $0 == 499 ? .unready : .ready)
        }
        let status = view(world, observed).status
        #expect(status.instances.count == DeploymentStatus.instanceLimit && status.instances.first?.id == "i-499")
        #expect(status.stable?.ready == 499)
    }

    @Test("has the time since everything serves, also through a rollout, and since when something does not")
    func since() throws {
        var world = World.serving("good-1")
        let began = try #require(view(world).status.availableSince)
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        #expect(view(world).status.availableSince == began)
        world.passTime()
        world.turn("good-2", into: .dead)
        world.run(limit: 4) { $0.phase == .degraded }
        #expect(view(world).status.availableSince == nil && view(world).status.degradedSince == world.now)
        world.turn("good-2", into: .good)
        world.run(limit: 4) { $0.phase == .healthy }
        #expect(view(world).status.availableSince == world.now && view(world).status.degradedSince == nil)
    }

    @Test("uses the number of replicas of an external autoscaler")
    func scaledByOthers() throws {
        var deployment = ModelDeployment.example("good-1")
        deployment.scaling = .external
        var world = World(seed: 1, deployment: deployment)
        world.run(limit: 20) { $0.phase == .healthy }
        let stable = try #require(world.state?.stable?.revision)
        var observed = world.observe()
        observed.wantedReplicas = [stable: 3]
        let status = view(world, observed).status
        #expect(status.stable?.replicas == 3 && status.phase == .degraded)
    }

    @Test("of an older controller can be read, and a written one has every key except counts")
    func coding() throws {
        let status = DeploymentStatus(namespace: "a", name: "b", phase: .idle, since: .distantPast, message: "")
        let data = try JSONEncoder().encode(status)
        var object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        for key in ["waiting", "availableSince", "degradedSince"] { #expect(object[key] is NSNull) }
        #expect(object["instances"] is [Any])
        for key in ["waiting", "availableSince", "degradedSince", "instances"] { object[key] = nil }
        let older = try JSONSerialization.data(withJSONObject: object)
        #expect(try JSONDecoder().decode(DeploymentStatus.self, from: older) == status)
    }

    @Test("of a degraded or recovered deployment causes a notification")
    func notices() {
        #expect(Notice.Kind(RolloutEvent.Kind.degraded) == .degraded)
        #expect(Notice.Kind(RolloutEvent.Kind.failed) == .stuck)
        #expect(Notice.Kind(RolloutEvent.Kind.available) == .available)
        #expect(Notice.Kind(RolloutEvent.Kind.recovered) == .available)
        #expect(Notice.Kind(RolloutEvent.Kind.gateWarned) == .warned)
    }
}

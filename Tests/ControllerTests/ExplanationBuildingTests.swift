import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Controller

/// Explanations of rollouts that were decided in a simulated world.
@Suite("An explanation")
struct ExplanationBuildingTests {
    @Test("of a rollout in flight has the candidate's last failed requests, and of one at rest none")
    func failedRequests() throws {
        var world = World.serving("good-1")
        let state = try #require(world.state)
        func found(_ state: RolloutState) -> [String] {
            let status = DeploymentView(key: state.key, state: state, firstSeenAt: world.now).status
            return DeploymentExplanation(status: status, state: state, events: [], failedRequestIds: ["r-1", "r-2"])
                .failedRequestIds
        }
        #expect(found(state).isEmpty)
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 40) { $0.phase == .progressing }
        #expect(found(try #require(world.state)) == ["r-1", "r-2"])
    }

    private func explanation(_ world: World) throws -> DeploymentExplanation {
        let state = try #require(world.state)
        let status = DeploymentView(key: state.key, state: state, firstSeenAt: world.now).status
        let events = world.events.enumerated().map { StoredEvent(id: $0 + 1, deployment: state.key, event: $1) }
        return DeploymentExplanation(status: status, state: state, events: events.reversed())
    }

    @Test("says how many requests of a bad instance are in no gate's evidence")
    func leftOut() throws {
        var world = World(seed: 2, deployment: .example("good-1", replicas: 2))
        world.run(limit: 20) { $0.phase == .healthy }
        #expect(try explanation(world).leftOut == nil)
        world.commit(.example("good-2", replicas: 2, rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout?.hasBegunSteps == true }
        let candidate = try #require(world.state?.rollout?.candidate.revision)
        world.outliers = [try #require(world.instances.first { $0.revision == candidate }?.id)]
        world.run(limit: 10) { $0.rollout?.leftOutRequests.isEmpty == false }
        let left = try #require(try explanation(world).leftOut?.first)
        #expect(left.version == "good-2" && left.revision == candidate && left.requests > 0)
    }

    @Test("of a rollout in flight has its gates with descriptions, its steps, its events and what comes next")
    func inFlight() throws {
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 40) { $0.rollout?.stepIndex == 1 }
        let found = try explanation(world)
        #expect(found.gates.map(\.summary.name) == ["errors"])
        #expect(found.gates.first?.words?.asks.contains("fail requests more often") == true)
        #expect(found.steps.map(\.place) == [.done, .current, .ahead])
        #expect(found.events.first?.event.kind == .rolloutStarted)
        #expect(found.events.contains { $0.event.version == "good-1" } == false)
        #expect(found.rollback == nil)
        #expect(found.outlook.contains { $0.when == "if a gate fails" && $0.then.contains("version good-1") })
        #expect(found.wanted?.version == "good-2" && found.stableLoad?.version == "good-1")
    }

    @Test("of a rollback has the decision with the evidence that it is based on")
    func rolledBack() throws {
        var world = World.serving("good-1")
        world.commit(.example("bad-2", rollout: .twoSteps))
        world.run(limit: 400) { $0.phase == .rolledBack }
        let found = try explanation(world)
        let rollback = try #require(found.rollback?.event)
        #expect(rollback.kind == .rollingBack && rollback.version == "bad-2")
        #expect(found.gates.map(\.summary) == rollback.evidence)
        #expect(!found.failedRequestIds.isEmpty && found.failedRequestIds == rollback.failedRequestIds)
        #expect(found.failedRequestIds.allSatisfy { $0.hasPrefix("\(rollback.revision?.rawValue ?? "none")-") })
        #expect(found.gates.first?.summary.verdict == "fail")
        #expect(found.gates.first?.words != nil)
        #expect(found.outlook.contains { $0.when.contains("mlctl retry") })
    }

    @Test("at rest has nothing to roll back, and says what the next commit would do")
    func healthy() throws {
        let found = try explanation(World.serving("good-1"))
        #expect(found.gates.isEmpty && found.rollback == nil && found.steps.isEmpty)
        #expect(found.outlook.map(\.when) == ["when git changes the model, the runtime or the resources"])
        #expect(found.settings.contains(SettingDescription("replicas", "1")))
    }

    @Test("without a record says what the status says")
    func nothing() {
        let key = DeploymentKey(name: "new")
        let status = DeploymentView(key: key, firstSeenAt: Date(timeIntervalSince1970: 0)).status
        let found = DeploymentExplanation(status: status, state: nil, events: [])
        #expect(found == DeploymentExplanation(status: status))
    }
}

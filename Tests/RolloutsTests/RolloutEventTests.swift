import Analysis
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("Events that end a rollout")
struct RolloutEventTests {
    private func ended(_ version: String) -> World {
        var world = World.serving("good-1")
        world.commit(.example(version, rollout: .twoSteps))
        world.run(limit: 400) { $0.rollout == nil && $0.settings.template.model.version == version }
        return world
    }

    @Test("have the numbers behind each verdict, which are dropped with the rollout", arguments: ["good-2", "bad-2"])
    func figures(version: String) throws {
        let world = ended(version)
        let kind: RolloutEvent.Kind = version == "good-2" ? .promoting : .rollingBack
        let event = try #require(world.events.last { $0.kind == kind && $0.version == version })
        let figures = try #require(event.figures?.first)
        #expect(figures.gate == event.evidence.first?.name && figures.samples == event.evidence.first?.samples)
        let odds = version == "good-2" ? figures.pass : figures.fail
        #expect(odds.log >= odds.boundaryLog)
    }

    @Test("no other event has them, and events of older controllers can still be read")
    func others() throws {
        let world = ended("bad-2")
        let ends: Set<RolloutEvent.Kind> = [.rollingBack, .aborted, .promoting]
        #expect(world.events.allSatisfy { $0.figures == nil || ends.contains($0.kind) })
        let old = #"{"at":0,"kind":"promoted","message":"m","evidence":[]}"#
        #expect(try JSONDecoder().decode(RolloutEvent.self, from: Data(old.utf8)).figures == nil)
    }
}

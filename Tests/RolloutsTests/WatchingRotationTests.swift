import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// The data plane takes instances out of rotation, and takes them back: both are told.
@Suite("Instances out of rotation")
struct WatchingRotationTests {
    private func serving() -> (world: World, instance: String) {
        var world = World(seed: 1, deployment: .example("good-1", replicas: 2))
        world.run(limit: 20) { $0.phase == .healthy }
        world.passTime()
        return (world, world.instances[0].id)
    }

    private func told(_ world: World) -> [RolloutEvent] {
        world.events.filter { $0.kind == .instanceEjected || $0.kind == .instanceReturned }
    }

    @Test("one that stays out is told once, and its return with how long it was away")
    func told() throws {
        var (world, instance) = serving()
        world.ejected = [instance]
        world.run(limit: 24) { _ in false }
        let ejected = told(world)
        #expect(ejected.map(\.kind) == [.instanceEjected])
        #expect(
            ejected.first?.message
                == "instance \(instance) gets no new requests: it takes no connections")
        #expect(ejected.first?.version == "good-1")
        world.ejected = []
        world.run(limit: 3) { _ in false }
        #expect(told(world).map(\.kind) == [.instanceEjected, .instanceReturned])
        #expect(told(world).last?.message == "instance \(instance) gets requests again, after 12s")
        #expect(world.state?.ejected == nil)
    }

    @Test("a moment out of rotation is in no event")
    func moment() {
        var (world, instance) = serving()
        world.ejected = [instance]
        world.run(limit: 4) { _ in false }
        world.ejected = []
        world.run(limit: 10) { _ in false }
        #expect(told(world).isEmpty && world.state?.ejected == nil)
    }

    @Test("a data plane that says nothing has taken nobody back")
    func silence() {
        var (world, instance) = serving()
        world.ejected = [instance]
        world.run(limit: 10) { _ in false }
        world.ejected = nil
        world.run(limit: 10) { _ in false }
        #expect(told(world).map(\.kind) == [.instanceEjected])
        #expect(world.state?.ejected?.map(\.instance) == [instance])
        world.ejected = []
        world.run(limit: 2) { _ in false }
        #expect(told(world).last?.kind == .instanceReturned)
    }

    @Test("one that is not there any more comes back to nothing, and is forgotten")
    func gone() {
        var (world, instance) = serving()
        world.ejected = [instance]
        world.run(limit: 10) { _ in false }
        world.instances.removeAll { $0.id == instance }
        world.ejected = []
        world.pass()
        #expect(told(world).map(\.kind) == [.instanceEjected] && world.state?.ejected == nil)
    }

    @Test("one that is not ready gets no requests anyway, and is not told; one that loses its readiness meanwhile is")
    func notReady() {
        var (world, instance) = serving()
        world.ejected = [instance]
        world.instances[0].quality = .dead
        world.run(limit: 10) { _ in false }
        #expect(told(world).isEmpty && world.state?.ejected == nil)
        world.instances[0].quality = .good
        world.run(limit: 2) { _ in false }
        world.instances[0].quality = .dead
        world.run(limit: 10) { _ in false }
        #expect(told(world).map(\.kind) == [.instanceEjected])
    }

    @Test("at rest it is looked at again when there is something to tell")
    func lookAgain() throws {
        var (world, instance) = serving()
        world.ejected = [instance]
        let passed = world.pass()
        let decision = try #require(passed)
        #expect(decision.lookAgainAt == world.now.addingTimeInterval(3))
    }

    @Test("an instance of the candidate that answers much worse than its siblings is said to")
    func outlier() throws {
        var (world, _) = serving()
        world.commit(.example("good-2", replicas: 2, rollout: .twoSteps))
        world.run(limit: 20) { $0.rollout?.hasBegunSteps == true }
        let candidate = try #require(world.state?.rollout?.candidate.revision)
        let instance = try #require(world.instances.first { $0.revision == candidate }?.id)
        world.ejected = [instance]
        world.outliers = [instance]
        world.run(limit: 10) { _ in false }
        let event = try #require(told(world).first)
        #expect(event.message == "instance \(instance) gets no new requests: it serves much worse than its siblings")
        #expect(event.revision == candidate)
    }
}

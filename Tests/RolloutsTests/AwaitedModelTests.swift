import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@Suite("A model whose files are not pinned yet")
struct AwaitedModelTests {
    private static let digests = ["a", "b"].compactMap { Digest("sha256:" + String(repeating: $0, count: 64)) }

    private static func model(_ version: String) -> ModelSource {
        ModelSource(version: version, storageURI: "https://models/m")
    }

    /// As git has it, or pinned.
    private static func example(_ version: String, _ digest: Digest? = nil) -> ModelDeployment {
        var deployment = ModelDeployment.example(version, rollout: .twoSteps)
        deployment.template.model = model(version)
        if let digest { deployment.template = deployment.template.pinned(to: digest) }
        return deployment
    }

    private static func unpinned(_ version: String, _ reason: String?) -> Desired {
        .unpinned(example(version), commit: version, reason: reason)
    }

    /// Version 1 serves, pinned to the first digest.
    private static func serving() -> World {
        var world = World(seed: 1, deployment: example("good-1", digests[0]))
        world.run(limit: 20) { $0.phase == .healthy }
        world.passTime()
        return world
    }

    @Test("has a record at once, which a restart reads, and from which nothing is deployed")
    func firstRecord() throws {
        var world = World(seed: 1, deployment: .example("good-1"))
        world.desired = Self.unpinned("good-1", nil)
        world.pass()
        let state = try RolloutRecord.decode(RolloutRecord.encode(try #require(world.state)))
        #expect(state.awaited?.model == Self.model("good-1") && state.phase == .idle && state.isPreparingModel)
        #expect(world.plan?.revisions.isEmpty == true)
        #expect(state.knownPin(of: Self.model("good-1")) == nil)
        world.desired = .manifest(Self.example("good-1", Self.digests[0]), commit: "good-1")
        world.run(limit: 30) { $0.phase == .healthy }
        #expect(world.state?.stable?.version == "good-1" && world.state?.awaited == nil)
        #expect(world.state?.knownPin(of: Self.model("good-1"))?.digest == Self.digests[0])
        #expect(world.transitions.allSatisfy(PhaseTable.allows))
    }

    @Test("is in the record only once its files cannot be read: most are read within moments")
    func onlyNews() {
        var world = Self.serving()
        let writes = world.writes.count
        world.desired = Self.unpinned("good-2", nil)
        world.pass()
        #expect(world.state?.awaited == nil && world.writes.count == writes)
        world.desired = Self.unpinned("good-2", "away")
        world.pass()
        #expect(world.state?.awaited?.reason == "away" && world.state?.isPreparingModel == true)
        #expect(world.state?.waitingFor?.contains("version good-2") == true)
        #expect(world.writes.count == writes + 1)
        world.desired = .manifest(Self.example("good-1", Self.digests[0]), commit: "good-3")
        world.pass()
        #expect(world.state?.awaited == nil && world.state?.phase == .healthy)
    }

    @Test("has a time limit, after which that is told once and the files are tried at longer intervals")
    func limit() {
        var world = Self.serving()
        world.desired = Self.unpinned("good-2", "away")
        let deadline = RolloutSpec.twoSteps.progressDeadline
        world.pass()
        world.now.addTimeInterval(deadline / .seconds(1) - 1)
        world.pass()
        #expect(world.state?.awaited?.isOver == false)
        world.run(limit: 20) { _ in false }
        #expect(world.state?.awaited?.isOver == true && world.state?.isPreparingModel == false)
        #expect(world.events.count { $0.kind == .stuck && $0.message.contains("away") } == 1)
        #expect(world.state?.waitingFor?.contains("every 15 minutes") == true)
        world.command(.retry)
        world.pass()
        #expect(world.refusals.isEmpty && world.state?.awaited?.isOver == false)
        #expect(world.events.last?.kind == .retried)
    }

    @Test("that is being read for the first time is not retried")
    func retryTooEarly() {
        var world = Self.serving()
        world.desired = Self.unpinned("good-2", nil)
        world.command(.retry)
        world.pass()
        #expect(world.refusals.last?.reason.contains("are being read for the first time") == true)
    }

    @Test("a pin lasts while the record knows it as what serves, is wanted or served before")
    func knownPins() throws {
        var world = Self.serving()
        #expect(world.state?.knownPin(of: Self.model("good-1"))?.commit == "good-1")
        #expect(world.state?.knownPin(of: Self.model("good-2")) == nil)
        world.desired = .manifest(Self.example("good-2", Self.digests[1]), commit: "good-2")
        world.pass()
        #expect(world.state?.knownPin(of: Self.model("good-2"))?.digest == Self.digests[1])
        world.run(limit: 400) { $0.phase == .healthy && $0.stable?.version == "good-2" }
        #expect(world.state?.knownPin(of: Self.model("good-1"))?.digest == Self.digests[0])
    }

    @Test("a revision that failed before it served is pinned again when another commit asks for it")
    func failed() {
        var world = Self.serving()
        world.desired = .manifest(Self.example("bad-2", Self.digests[1]), commit: "bad-2")
        world.run(limit: 400) { $0.phase == .rolledBack }
        #expect(world.state?.knownPin(of: Self.model("bad-2"))?.digest == Self.digests[1])
        world.desired = .manifest(Self.example("good-1", Self.digests[0]), commit: "good-1b")
        world.pass()
        #expect(world.state?.knownPin(of: Self.model("bad-2")) == nil)
    }

    @Test("an older record, without anything about pins, knows what serves")
    func oldRecord() throws {
        let state = try #require(Self.serving().state)
        var fields = try #require(
            JSONSerialization.jsonObject(with: RolloutRecord.encode(state)) as? [String: Any])
        fields["awaited"] = nil
        let old = try RolloutRecord.decode(JSONSerialization.data(withJSONObject: fields))
        #expect(old.knownPin(of: Self.model("good-1"))?.digest == Self.digests[0])
    }

    @Test("can still be deployed at another target, because nothing was deployed so far")
    func otherTarget() {
        var world = World(seed: 1, deployment: .example("good-1"))
        world.desired = Self.unpinned("good-1", "away")
        world.pass()
        var moved = Self.example("good-1")
        moved.target = .kubernetes(.init(cluster: "prod"))
        world.desired = .unpinned(moved, commit: "2", reason: nil)
        world.pass()
        #expect(world.state == nil && world.plan?.revisions.isEmpty == true)
    }
}

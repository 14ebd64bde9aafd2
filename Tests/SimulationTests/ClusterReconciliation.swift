import ModelManifests
import Rollouts
import TestSupport
import Testing

/// Eventually stable reconciliation: whatever happens, the desired state is reached, and kept.
@Suite("A cluster under seeded simulation", .serialized)
struct ClusterReconciliation {
    /// Passes without changes, in which nothing may be written.
    static let restingTicks = 20

    @Test(
        "after a controller is killed after any request, the next one reaches the same end",
        arguments: 1...36)
    func killed(after requests: Int) async throws {
        let cluster = try await SimulatedCluster(version: "1")
        let hasEnded = await cluster.live(requests: requests) { await cluster.isAsWanted("1") }
        #expect(hasEnded, "killed after request \(requests)")
        await settle(cluster, at: "1", "killed after request \(requests)")
        #expect(await cluster.events(.rolloutStarted) == 1, "killed after request \(requests)")
    }

    @Test(
        "a controller that is killed after any write while it recreates a deleted object leaves the record to the next",
        arguments: 1...7)
    func killedWhileMakingAnew(after writes: Int) async throws {
        let cluster = try await SimulatedCluster(version: "1")
        let isDeployed = await cluster.live { await cluster.isAsWanted("1") }
        #expect(isDeployed)
        try await cluster.quarantine("0123456789")
        let (uid, version) = (await cluster.uid, await cluster.recordVersion)
        try await cluster.delete()
        let hasEnded = await cluster.live(writes: writes) {
            guard await cluster.uid != uid else { return false }
            return await cluster.isAsWanted("1")
        }
        #expect(hasEnded, "killed after write \(writes)")
        await settle(cluster, at: "1", "killed after write \(writes)")
        let isRemembered = await cluster.isQuarantined("0123456789")
        #expect(isRemembered, "killed after write \(writes)")
        #expect(await cluster.uid != uid, "killed after write \(writes)")
        #expect(await cluster.recordVersion >= version, "killed after write \(writes)")
        #expect(await cluster.configMaps == ["model-route"], "killed after write \(writes)")
    }

    @Test(
        "interrupted controllers, stale lists, lost answers and lost events change nothing in the end",
        arguments: [UInt64](1...4))
    func disturbed(seed: UInt64) async throws {
        var chaos = SeededRandom(seed: seed)
        let cluster = try await SimulatedCluster(version: "1")
        var rates = FaultPlan.Rates()
        rates.lostBefore = 0.05
        rates.lostAfter = 0.05
        rates.tooManyRequests = 0.02
        rates.unavailable = 0.02
        rates.staleLists = 0.3
        rates.lag = 0.1
        rates.repeatedEvents = 0.1
        rates.reorderedEvents = 0.1
        rates.lostEvents = 0.05
        rates.endedWatches = 0.05
        for version in ["1", "2"] {
            await cluster.commit(version)
            await cluster.transport.setPlan(FaultPlan(seed: seed, rates: rates, budget: 40))
            for _ in 0..<chaos.int(1...4) {
                let requests = chaos.int(8...60)
                let hasEnded = await cluster.live(requests: requests) { await cluster.isAsWanted(version) }
                let differences = await cluster.differences(from: version)
                #expect(hasEnded, "seed \(seed): neither killed nor done: \(differences)")
            }
            await cluster.transport.setPlan(FaultPlan())
            await settle(cluster, at: version, "seed \(seed)")
        }
        #expect(await cluster.events(.rolloutStarted) == 2, "seed \(seed)")
        #expect(await cluster.events(.promoted) == 2, "seed \(seed)")
    }

    /// Nothing disturbs any more: the desired state is reached, and a controller that writes nothing keeps it.
    private func settle(_ cluster: SimulatedCluster, at version: String, _ context: Comment) async {
        let isReached = await cluster.live { await cluster.isAsWanted(version) }
        #expect(isReached, context)
        #expect(await cluster.differences(from: version) == [], context)
        // One more controller, for what the last one still had to report about itself.
        let calm = LookCountdown(Self.restingTicks)
        _ = await cluster.live { await calm.isOver() }
        await cluster.transport.forgetLog()
        let rest = LookCountdown(Self.restingTicks)
        _ = await cluster.live { await rest.isOver() }
        let writes = await cluster.transport.writes.map { "\($0.method.rawValue) \($0.path)" }
        #expect(writes == [], context)
        #expect(await cluster.differences(from: version) == [], context)
    }
}

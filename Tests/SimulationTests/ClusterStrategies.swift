import ModelManifests
import TestSupport
import Testing

/// Each strategy in a cluster, run by the real controller over the model of the API server.
@Suite("Strategies in a cluster", .serialized)
struct ClusterStrategies {
    private static let gpu = #"resources: {limits: {nvidia.com/gpu: "1"}}"#

    private typealias Manifest = @Sendable (String) -> String

    private func cluster(
        gpuCount: Int? = nil, _ manifest: @escaping Manifest
    ) async throws -> (SimulatedCluster, RolloutWatch) {
        let cluster = try await SimulatedCluster(version: "1", gpuCount: gpuCount, manifest: manifest)
        return (cluster, RolloutWatch(cluster, floor: 2))
    }

    /// Version 1, then version 2, with continuous observation.
    /// - Returns: the shares that were written since version 2's commit.
    private func rollOut(_ cluster: SimulatedCluster, _ watch: RolloutWatch) async -> [String] {
        for version in ["1", "2"] {
            await cluster.transport.forgetLog()
            await watch.forget()
            await cluster.commit(version)
            let isReached = await cluster.live {
                await watch.look()
                return await cluster.isAsWanted(version)
            }
            let differences = await cluster.differences(from: version)
            #expect(isReached, "version \(version): \(differences)")
        }
        #expect(await watch.faults == [])
        return RolloutWatch.shares(written: await cluster.transport.writes)
    }

    @Test("canary: step by step, and never fewer pods than wanted")
    func canary() async throws {
        let (cluster, watch) = try await cluster {
            SimulatedCluster.manifest(
                $0, rollout: "{steps: [{setWeight: 10}, {setWeight: 50}, {setWeight: 100}], gates: []}")
        }
        #expect(await rollOut(cluster, watch) == ["1=100 2=0", "1=90 2=10", "1=50 2=50", "1=0 2=100", "2=100"])
        // Its pods are deleted once no route leads to them.
        let writes = await cluster.transport.writes
        let lastRoute = try #require(writes.lastIndex { $0.path.hasSuffix("/configmaps/model-route") })
        let firstDeletion = try #require(writes.firstIndex { $0.method == .delete })
        #expect(lastRoute < firstDeletion)
    }

    @Test("blueGreen: all at once, when the new pods are ready, with a preview before")
    func blueGreen() async throws {
        let (cluster, watch) = try await cluster {
            SimulatedCluster.manifest(
                $0, rollout: "{strategy: blueGreen, preview: {}, keepFor: 1s, steps: [{setWeight: 100}], gates: []}")
        }
        #expect(await rollOut(cluster, watch) == ["1=100 2=0", "1=0 2=100", "2=100"])
    }

    @Test("shadow: copies first, and then all the traffic")
    func shadow() async throws {
        let (cluster, watch) = try await cluster {
            SimulatedCluster.manifest(
                $0, rollout: "{strategy: shadow, steps: [{mirror: 100}, {setWeight: 100}], gates: []}")
        }
        #expect(await rollOut(cluster, watch) == ["1=100 2=0", "1=100 2=0+100", "1=0 2=100", "2=100"])
    }

    @Test("ab: both sides have their share until the test is over")
    func abTest() async throws {
        let (cluster, watch) = try await cluster {
            SimulatedCluster.manifest(
                $0,
                rollout: "{strategy: ab, ab: {share: 30, goal: {outcome: {label: l}}, horizon: 10s, "
                    + "onInconclusive: promote}, gates: []}", extra: "traffic: {sticky: {header: x-user}}")
        }
        #expect(await rollOut(cluster, watch) == ["1=100 2=0", "1=70 2=30", "1=0 2=100", "2=100"])
    }

    @Test("recreate: the old pods stop before the new ones start, and no pod answers in between")
    func recreate() async throws {
        let (cluster, _) = try await cluster {
            SimulatedCluster.manifest($0, rollout: "{strategy: recreate, gates: []}")
        }
        // There is a gap, as requested.
        let watch = RolloutWatch(cluster, floor: 0)
        let shares = await rollOut(cluster, watch)
        #expect(shares.first == "1=0 2=0")
        #expect(shares.last == "2=100")
        #expect(await watch.mostPods == 2)
        #expect(await !watch.versionsSeenTogether)
    }

    @Test("drainThenLoad: as many GPUs as one revision needs are enough, and a pod always answers")
    func drainThenLoad() async throws {
        let (cluster, _) = try await cluster(gpuCount: 2) {
            SimulatedCluster.manifest(
                $0, rollout: "{capacity: drainThenLoad, steps: [{setWeight: 50}, {setWeight: 100}], gates: []}",
                extra: Self.gpu)
        }
        let watch = RolloutWatch(cluster, floor: 1)
        #expect(await rollOut(cluster, watch) == ["1=100 2=0", "1=50 2=50", "1=0 2=100", "2=100"])
        #expect(await watch.mostPods == 2)
        #expect(await !watch.hasRead("for lack of GPUs"))
    }

    @Test("surge without enough GPUs is rolled back at its deadline, says why, and affects no user")
    func surgeWithoutRoom() async throws {
        let (cluster, watch) = try await cluster(gpuCount: 3) {
            SimulatedCluster.manifest(
                $0, rollout: "{steps: [{setWeight: 100}], gates: [], progressDeadline: 3s}", extra: Self.gpu)
        }
        #expect(await cluster.live { await cluster.isAsWanted("1") })
        await cluster.commit("2")
        let isBack = await cluster.live {
            await watch.look()
            let isOver = await cluster.status()?["phase"] == "RolledBack"
            let isAlone = await watch.isAlone("1")
            return isOver && isAlone
        }
        let status = await cluster.status()
        #expect(isBack, "\(String(describing: status))")
        #expect(await watch.faults == [])
        #expect(await cluster.status()?["stable"]?["version"] == "1")
        #expect(await watch.hasRead("for lack of GPUs"))
    }

    @Test("more and fewer replicas during a rollout apply to both sides at once")
    func scaled() async throws {
        let rollout = "{steps: [{setWeight: 50}, {pause: {duration: 8s}}, {setWeight: 100}], gates: []}"
        let (cluster, watch) = try await cluster { SimulatedCluster.manifest($0, rollout: rollout) }
        #expect(await cluster.live { await cluster.isAsWanted("1") })
        await cluster.transport.forgetLog()
        for (commit, replicas) in [("2", 2), ("3", 4), ("4", 1)] {
            await cluster.commit(commit, text: SimulatedCluster.manifest("2", replicas: replicas, rollout: rollout))
            await watch.setFloor(replicas)
            let isScaled = await cluster.live {
                await watch.look()
                return await watch.isSplit(replicas: replicas)
            }
            let message = await cluster.status()?["message"]
            #expect(isScaled, "\(replicas) replicas: \(String(describing: message))")
        }
        let isReached = await cluster.live {
            await watch.look()
            return await cluster.isAsWanted("2", replicas: 1)
        }
        #expect(isReached)
        #expect(await watch.faults == [])
        let shares = RolloutWatch.shares(written: await cluster.transport.writes)
        #expect(shares == ["1=100 2=0", "1=50 2=50", "1=0 2=100", "2=100"])
    }

    @Test("a suspended deployment changes nothing, and continues when it is resumed")
    func suspended() async throws {
        let (cluster, watch) = try await cluster { SimulatedCluster.manifest($0) }
        #expect(await cluster.live { await cluster.isAsWanted("1") })
        await cluster.commit("2", text: SimulatedCluster.manifest("2", extra: "suspend: true"))
        let looks = LookCountdown(40)
        _ = await cluster.live {
            await watch.look()
            return await looks.isOver()
        }
        #expect(await !watch.versionsSeenTogether)
        #expect(await cluster.status()?["stable"]?["version"] == "1")
        await cluster.commit("3", text: SimulatedCluster.manifest("2"))
        let isReached = await cluster.live {
            await watch.look()
            return await cluster.isAsWanted("2")
        }
        #expect(isReached)
        #expect(await watch.faults == [])
    }

    @Test("a deployment's dependencies are healthy before its first pod is created")
    func dependent() async throws {
        let first = SimulatedCluster.manifest("1", name: "encoder")
        let cluster = try await SimulatedCluster(version: "1") {
            first + "\n---\n" + SimulatedCluster.manifest($0, extra: "dependsOn: [{name: encoder}]")
        }
        let watch = RolloutWatch(cluster, floor: 2)
        let tooEarly = Flag()
        let isReached = await cluster.live {
            await watch.look()
            let encoder = await cluster.status(of: "encoder")?["phase"]
            if await watch.mostPods > 0, encoder != "Healthy" { await tooEarly.raise() }
            return await cluster.isAsWanted("1")
        }
        #expect(isReached)
        #expect(await !tooEarly.isRaised)
        #expect(await watch.faults == [])
    }
}

private actor Flag {
    private(set) var isRaised = false
    func raise() { isRaised = true }
}

import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing
import Transport

@testable import KubernetesServing

@Suite("Faults: the API server", .serialized, .timeLimit(.minutes(10)))
struct ServerFaultTests {
    @Test("while it is unreachable, serving continues and the status says why; afterwards everything continues")
    func away() async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.transport.setAway(true)
            await cluster.commit("2")
            let status = try await cluster.waitForWords(["connection reset by peer"])
            #expect(status.stable?.ready == 2)
            #expect(await cluster.readyPods("1") == 2)
            await cluster.transport.setAway(false)
            try await cluster.waitUntilServing("2")
        }
    }

    /// A backend whose waits use a clock that the test moves.
    private struct Rig {
        let clock = ManualClock()
        let cluster: TestCluster
        let model: ModelTransport
        let backend: ClusterBackend

        init(_ cluster: TestCluster) throws {
            self.cluster = cluster
            model = try #require(cluster.model)
            let clock = clock
            backend = ClusterBackend(
                api: KubernetesAPI(transport: cluster.transport, stopwatch: ClientClock(clock)), owners: NoOwners(),
                settings: Sample.settings, clock: { clock.now.offset })
        }

        /// Nobody needs the types that must be installed first.
        var caches: Int { get async { await backend.views.all.count { !($0 is LazyInformer) } } }

        /// Moves the clock by one second, and waits until every cache either watches or waits.
        func passSecond() async throws {
            clock.advance(by: .seconds(1))
            let caches = await caches
            try await cluster.wait(
                until: { await model.watchCount + clock.deadlines.count >= caches }, "all caches wait or watch")
        }
    }

    private func withRig(_ body: @Sendable (Rig) async throws -> Void) async throws {
        try await TestCluster.with(.model) { cluster in
            let rig = try Rig(cluster)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await rig.backend.run() }
                defer { group.cancelAll() }
                try await cluster.wait(
                    until: { await rig.backend.unsynced(of: rig.backend.views.all) == nil }, "synced")
                try await body(rig)
            }
        }
    }

    @Test("unreachable for ten minutes: each type is requested at most every 15 seconds, and nothing is forgotten")
    func awayForTenMinutes() async throws {
        try await withRig { rig in
            let key = rig.cluster.key()
            try await rig.cluster.settle(rig.backend, Sample.plan([(Sample.one, 2, 100)], key: key))
            let before = await rig.model.requestCount
            await rig.model.setAway(true)
            for _ in 1...600 { try await rig.passSecond() }
            // Waits grow from half a second to half a minute, and are random in their upper half.
            let each = (await rig.model.requestCount - before) / (await rig.caches)
            #expect((20...50).contains(each), "\(each) requests for each type")
            let observed = try await rig.backend.observe(key)
            #expect(observed.plan?.revisions.map(\.revision) == [Sample.one])
            #expect(observed.problems.contains { $0.contains("connection reset by peer") })
            await rig.model.setAway(false)
            for _ in 1...31 { try await rig.passSecond() }
            #expect(try await rig.backend.observe(key).problems.allSatisfy { !$0.contains("cannot be watched") })
            try await rig.cluster.settle(rig.backend, Sample.plan([(Sample.one, 3, 100)], key: key))
        }
    }

    @Test("a watch that is closed every second resumes, without a list and without missing a change")
    func watchesClosed() async throws {
        try await withRig { rig in
            let key = rig.cluster.key()
            try await rig.cluster.settle(rig.backend, Sample.plan([(Sample.one, 2, 100)], key: key))
            await rig.model.forgetLog()
            for second in 1...60 {
                await rig.model.endWatches()
                try await rig.passSecond()
                guard second == 30 else { continue }
                try await rig.cluster.edit(.services, "fraud", ["metadata": ["labels": ["mlctl.dev/deployment": "x"]]])
            }
            for _ in 1...3 { try await rig.passSecond() }
            // Gateway API is not installed. Looking for it does not count here.
            let asked = await rig.model.log.filter { $0.method == .get && !$0.path.hasSuffix("/httproutes") }
            #expect(asked.allSatisfy { $0.query.contains(.init("watch", "true")) })
            #expect(asked.allSatisfy { !$0.query.contains(.init("sendInitialEvents", "true")) })
            let caches = await rig.caches
            #expect(asked.count <= 61 * caches)
            let seen = await rig.backend.views[.services]?.live(
                NamespacedName(namespace: key.namespace, name: "fraud"))
            #expect(seen?.labels["mlctl.dev/deployment"] == "x")
        }
    }

    @Test("objects of 1.5 MB are read; a larger one is refused with what to do, and serving continues")
    func largeObjects() async throws {
        let cluster = try await FaultyCluster("1")
        let text = JSONValue.string(String(repeating: "x", count: 1_400_000))
        let large: JSONValue = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": "large", "namespace": "default", "labels": .strings([ObjectLabels.managedBy: "mlctl"]),
            ],
            "spec": ["containers": [["name": "a", "image": "b", "env": [["name": "TEXT", "value": text]]]]],
        ]
        try await KubernetesAPI(transport: cluster.transport).create(
            .pods, namespace: "default", body: large.jsonData)
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.commit("2", variables: 10)
            let status = try await cluster.waitForWords(["too large", "shorten the manifest"])
            #expect(status.stable?.version == "1")
            #expect(await cluster.readyPods("1") == 2)
            await cluster.commit("3")
            try await cluster.waitUntilServing("3")
        }
    }
}

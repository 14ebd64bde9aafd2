import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("Pods without a reason in their status")
struct UnexplainedPodsTests {
    private let key = Sample.key
    private let noDisk = PodExplanation(text: "no disk", isClusters: true)

    @Test("are looked up in events after a while, then from time to time, a few at once")
    func asked() {
        var pods = UnexplainedPods()
        #expect(pods.due(["a", "b", "c"], of: key, now: .seconds(100)) == [])
        #expect(pods.due(["a", "b", "c"], of: key, now: .seconds(114)) == [])
        #expect(pods.due(["a", "b", "c"], of: key, now: .seconds(115)) == ["a", "b"])
        pods.note(noDisk, of: "a", in: key, now: .seconds(115))
        pods.note(nil, of: "b", in: key, now: .seconds(115))
        #expect(pods.due(["a", "b", "c"], of: key, now: .seconds(116)) == ["c"])
        pods.note(nil, of: "c", in: key, now: .seconds(116))
        #expect(pods.heard(of: key) == ["a": noDisk])
        #expect(pods.due(["a", "b", "c"], of: key, now: .seconds(144)) == [])
        #expect(pods.due(["a", "b", "c"], of: key, now: .seconds(145)) == ["a", "b"])
    }

    @Test("are forgotten when their status gives a reason, or they are gone")
    func forgotten() {
        var pods = UnexplainedPods()
        _ = pods.due(["a"], of: key, now: .zero)
        pods.note(noDisk, of: "a", in: key, now: .seconds(20))
        #expect(pods.due([], of: key, now: .seconds(21)) == [])
        #expect(pods == UnexplainedPods())
        #expect(pods.due(["a"], of: key, now: .seconds(22)) == [])
    }

    @Test(
        "an event's text says what to do",
        arguments: [
            (
                "FailedMount", "secret \"weights\" not found", true,
                ["cannot be mounted", "weights", "Create the Secret"]
            ),
            ("FailedScheduling", "0/3 nodes: 3 Insufficient nvidia.com/gpu", true, ["lack of GPUs", "drainThenLoad"]),
            ("Unhealthy", "Startup probe failed: 503", false, ["Startup probe failed: 503", "runtime.probes"]),
            ("FailedCreatePodSandBox", "no address left", true, ["its node cannot start it", "no address left"]),
            ("Evicted", "the node had too little memory", true, ["Evicted: the node had too little memory"]),
        ])
    func words(reason: String, note: String, isClusters: Bool, words: [String]) throws {
        let word = try #require(PodEvent.word([try Self.event(reason, note, at: "2026-01-01T00:00:00Z")]))
        for part in words { #expect(word.text.contains(part), "\(word)") }
        #expect(word.isClusters == isClusters)
    }

    @Test("the newest event counts, in any format of its time")
    func newest() throws {
        let events = [
            try Self.event("A", "old", at: "2026-01-01T00:00:09Z"),
            try Self.event("B", "new", at: "2026-01-01T00:01:00.000001Z"),
        ]
        #expect(PodEvent.word(events)?.text == "B: new.")
        #expect(PodEvent.word([]) == nil)
    }

    private static func event(_ reason: String, _ note: String, at time: String) throws -> PodEvent {
        let json: JSONValue = [
            "metadata": ["name": "e", "namespace": "payments"], "reason": .string(reason), "note": .string(note),
            "deprecatedLastTimestamp": .string(time),
        ]
        return try JSONDecoder().decode(PodEvent.self, from: json.jsonData)
    }

    @Test("a volume that cannot be mounted reaches the instance's reason with one request, not a watch")
    func overTheModel() async throws {
        try await TestCluster.with(.model) { cluster in
            let clock = ManualClock()
            let model = try #require(cluster.model)
            await model.update { $0.settings.stepsUntilReady = 1_000 }
            let backend = ClusterBackend(
                api: cluster.api, owners: NoOwners(), settings: Sample.settings, clock: { clock.now.offset })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await backend.run() }
                defer { group.cancelAll() }
                try await cluster.wait(until: { await backend.unsynced(of: backend.views.all) == nil }, "synced")
                let key = cluster.key()
                try await cluster.settle(backend, Sample.plan([(Sample.one, 1, 100)], key: key))
                await model.step()
                await model.step()
                try await cluster.wait(
                    until: { try await backend.observe(key).instances.count == 1 }, "the pod is seen")
                let pod = try #require(await backend.views.pods.all(of: key).first)
                try await cluster.api.create(.events, namespace: key.namespace, body: try Self.mount(pod))
                await model.forgetLog()
                #expect(try await backend.observe(key).instances.map(\.reason) == [nil])
                clock.advance(by: UnexplainedPods.patience)
                let heard = try await backend.observe(key).instances.first
                let reason = heard?.reason ?? ""
                #expect(heard?.condition == .blocked)
                #expect(reason.contains("secret \"weights\" not found. Create the Secret"), "\(reason)")
                _ = try await backend.observe(key)
                let asked = await model.log.filter { $0.path.hasSuffix("/events") }
                #expect(asked.count == 1)
                #expect(asked.allSatisfy { !$0.query.contains(.init("watch", "true")) })
            }
        }
    }

    private static func mount(_ pod: ManagedObject<PodKind>) throws -> Data {
        let event: JSONValue = [
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": ["name": "e1", "namespace": .string(pod.metadata.namespace ?? "")],
            "regarding": [
                "kind": "Pod", "name": .string(pod.metadata.name), "uid": .string(pod.metadata.uid ?? ""),
                "namespace": .string(pod.metadata.namespace ?? ""),
            ],
            "type": "Warning", "reason": "FailedMount", "action": "Mounting",
            "note": "MountVolume.SetUp failed: secret \"weights\" not found",
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "kubelet", "reportingInstance": "node-1",
        ]
        return event.jsonData
    }
}

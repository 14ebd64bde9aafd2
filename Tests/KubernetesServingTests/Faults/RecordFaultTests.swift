import ControlPorts
import JSON
import KubernetesClient
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import KubernetesServing

/// Faults of the record while the real controller works.
@Suite("Faults: the record in the cluster", .serialized, .timeLimit(.minutes(10)))
struct RecordFaultTests {
    private static let refused = ["team": "forbidden"]

    private static func policy(_ model: inout APIServerModel) {
        model.refusals.webhooks = [
            .init(name: "policy.example.com", type: .modelDeployments, message: "not this team") {
                $0.value(at: "metadata", "labels", "team")?.asString == "forbidden"
            }
        ]
    }

    @Test(
        "a manifest that the cluster refuses during a canary changes nothing; commands and repairs still work")
    func refusedInCanary() async throws {
        let cluster = try await FaultyCluster("1", rollout: FaultyCluster.held)
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.commit("2")
            try await cluster.wait("version 2 waits at 50 %") { $0.phase == .paused && $0.candidate?.weight == 50 }
            await cluster.transport.update(Self.policy)
            await cluster.commit("3", labels: Self.refused)
            let status = try await cluster.waitForWords([
                "denied the request: not this team", "Ask the owner of that webhook",
            ])
            #expect(status.phase == .paused && status.candidate?.version == "2")
            // A manual edit of what serves is still reverted.
            let services = ResourceType.services
            let api = KubernetesAPI(transport: cluster.transport)
            let endpoint = NamespacedName(namespace: "test", name: "model")
            let edit: JSONValue = ["spec": ["selector": ["app": "other"]]]
            let before = await cluster.transport.model.object(services, endpoint)?.value(at: "spec", "selector")
            try await api.merge(services, endpoint, body: edit.jsonData)
            try await cluster.wait("drift is repaired") { _ in
                await cluster.transport.model.object(services, endpoint)?.value(at: "spec", "selector") == before
            }
            // A command is still carried out: the candidate leaves the traffic.
            try await cluster.act(.abort)
            try await cluster.wait("version 2 has no traffic") { $0.candidate == nil && $0.stable?.version == "1" }
            try await cluster.wait("kubectl shows the reason") { _ in
                await cluster.shown()?.status?.message?.contains("not this team") == true
            }
            // The policy is removed, and the fixing commit takes effect by itself.
            await cluster.transport.update { $0.refusals = Refusals() }
            try await cluster.wait("version 3 waits at 50 %") {
                $0.phase == .paused && $0.candidate?.version == "3" && $0.candidate?.weight == 50
            }
        }
    }

    @Test("a deleted namespace ends although git wants its contents; created again, it serves again")
    func namespaceDeleted() async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            let api = KubernetesAPI(transport: cluster.transport)
            try await api.delete(.namespaces, NamespacedName(name: "test"))
            try await cluster.wait("the namespace is gone") { _ in
                await cluster.transport.model.object(.namespaces, NamespacedName(name: "test")) == nil
            }
            try await cluster.waitForWords(["Create the namespace"])
            let anew: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "test"]]
            try await api.create(.namespaces, namespace: nil, body: anew.jsonData)
            try await cluster.waitUntilServing("1")
        }
    }

    @Test("a status that is wiped at rest is restored at once, with its record")
    func wiped() async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            let rollouts = await cluster.shown()?.startedRollouts
            let before = await cluster.record()
            #expect(before?.state.contains("quarantined") == true)
            try await cluster.wipeStatus()
            try await cluster.wait("the record is back") { _ in
                await cluster.record()?.version ?? 0 > before?.version ?? 0
            }
            // Its copy of the events starts again, but no rollout does.
            #expect(rollouts == 1)
            #expect(await cluster.shown()?.startedRollouts == 0)
            #expect(await cluster.record()?.state.contains("quarantined") == true)
            let status = try #require(await cluster.status())
            #expect(status.phase == .healthy && status.stable?.version == "1")
        }
    }

    @Test("a new controller without a record takes over what serves, and does not roll out a failed revision again")
    func lostForANewController() async throws {
        let cluster = try await FaultyCluster("1", rollout: FaultyCluster.held)
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.commit("2")
            try await cluster.wait("version 2 waits at 50 %") { $0.phase == .paused && $0.candidate?.weight == 50 }
            try await cluster.act(.abort)
            try await cluster.wait("version 2 is in quarantine") {
                $0.candidate == nil && $0.quarantined.map(\.version) == ["2"]
            }
        }
        try await cluster.wipeStatus()
        let next = try await FaultyCluster("2", rollout: FaultyCluster.held, over: cluster)
        try await cluster.runCluster {
            try await next.run { next in
                let status = try await next.wait("what serves is taken over") { $0.stable?.version == "1" }
                #expect(status.candidate == nil)
                try await next.wait("its quarantine is known") { $0.quarantined.map(\.version) == ["2"] }
                let passes = await next.transport.requestCount
                await next.commit("2", labels: ["team": "risk"])
                try await next.wait("another pass was made") { _ in await next.transport.requestCount > passes }
                #expect(await next.status()?.candidate == nil)
                #expect(await next.readyPods("2") == 0)
            }
        }
    }
}

extension FaultyCluster {
    func record() async -> (version: Int, state: String)? {
        guard let object = await transport.model.object(.modelDeployments, Self.key.objectKey),
            let version = object.value(at: "status", "record", "version")?.asNumber,
            let state = object.value(at: "status", "record", "state")?.asString
        else { return nil }
        return (version, state)
    }

    func wipeStatus() async throws {
        let api = KubernetesAPI(transport: transport)
        var object = try JSONValue(parsing: try await api.answer(to: .get(.modelDeployments, Self.key.objectKey)))
        object[field: "status"] = nil
        object.set(nil, at: "metadata", "managedFields")
        try await api.replace(.modelDeployments, Self.key.objectKey, body: object.jsonData, subresource: "status")
    }
}

@Suite("Faults: an unreachable API server", .serialized, .timeLimit(.minutes(10)))
struct ReachingFaultTests {
    @Test("the last observation stays, and the status says since when the cluster is unreachable, and why")
    func away() async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            let before = try #require(await cluster.site())
            #expect(before.reachable && before.reason == nil && before.name == "cluster prod")
            let next = await cluster.transport.requestCount
            let lost = Dictionary(
                uniqueKeysWithValues: (next...next + 100_000).map { ($0, FaultPlan.Fault.lostBefore) })
            await cluster.transport.setPlan(FaultPlan(requests: lost))
            await cluster.transport.endWatches()
            try await cluster.wait("the status says that the cluster is unreachable") { _ in
                await cluster.site()?.reachable == false
            }
            let away = try #require(await cluster.site())
            #expect(away.reason?.contains("cannot be watched") == true && away.since > before.since)
            let status = try #require(await cluster.status())
            #expect(status.phase == .healthy && status.stable?.version == "1" && status.stable?.ready == 2)
            #expect(status.conditions.first { $0.type == "Ready" }?.status == "Unknown")
            #expect(status.message.contains("last observed at"), "\(status.message)")
            await cluster.transport.setPlan(FaultPlan())
            try await cluster.wait("it is back") { _ in await cluster.site()?.reachable == true }
        }
    }

    @Test("a controller that starts during the outage says that it has not read the cluster, and why")
    func neverRead() async throws {
        let cluster = try await FaultyCluster("1")
        let lost = Dictionary(uniqueKeysWithValues: (0...100_000).map { ($0, FaultPlan.Fault.lostBefore) })
        await cluster.transport.setPlan(FaultPlan(requests: lost))
        try await cluster.run { cluster in
            try await cluster.wait("the reason is known") { _ in
                let site = await cluster.site()
                return site?.reachable == false && site?.reason?.isEmpty == false
                    && site?.reason != "it was not read yet"
            }
        }
    }
}

extension FaultyCluster {
    func site() async -> SiteStatus? { await controllerStatus().sites.first }
}

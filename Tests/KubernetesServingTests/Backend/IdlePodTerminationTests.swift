import Foundation
import KubernetesClient
import ModelManifests
import Serving
import Synchronization
import Testing

@testable import KubernetesServing

@Suite("Pods of a retired revision", .timeLimit(.minutes(10)))
struct IdlePodTerminationTests {
    private static func said(_ proxies: [String], busy: Set<String> = [], silence: String? = nil) -> ProxiedTraffic {
        ProxiedTraffic(
            shares: Dictionary(proxies.map { ($0, []) }) { first, _ in first }, busy: busy, silence: silence)
    }

    @Test("may end at once if every proxy says that they have no request under way")
    func idle() {
        let ending = ["p1", "p2"]
        let two: Set = ["a", "b"]
        #expect(IdlePodTermination.idle(ending, proxies: two, Self.said(["a", "b"], busy: ["p1"])) == ["p2"])
        #expect(IdlePodTermination.idle(ending, proxies: two, Self.said(["a", "b"])) == ["p1", "p2"])
        #expect(IdlePodTermination.idle(ending, proxies: two, Self.said(["a"])).isEmpty, "the other one may have some")
        #expect(IdlePodTermination.idle(ending, proxies: two, Self.said(["a", "b"], silence: "refused")).isEmpty)
        #expect(IdlePodTermination.idle(ending, proxies: two, nil).isEmpty)
        #expect(IdlePodTermination.idle(ending, proxies: [], nil) == ["p1", "p2"], "no proxy could send any")
    }

    @Test("keep their grace period if the manifest sets one, or if people may reach them without a proxy")
    func releasable() {
        let plain = Sample.plan([(Sample.one, 1, 100)]).revisions[0]
        #expect(IdlePodTermination.isReleasable(plain, wasPreviewed: false))
        #expect(!IdlePodTermination.isReleasable(plain, wasPreviewed: true))
        var patched = plain
        patched.template.runtime.pod = PodSettings(template: .object([:]))
        #expect(!IdlePodTermination.isReleasable(patched, wasPreviewed: false))
        var patient = plain
        patient.template.runtime.terminationGracePeriod = .seconds(31)
        #expect(!IdlePodTermination.isReleasable(patient, wasPreviewed: false))
        patient.template.runtime.terminationGracePeriod = .seconds(5)
        #expect(IdlePodTermination.isReleasable(patient, wasPreviewed: false))
    }

    @Test("end when they are idle; busy pods and pods that are not retired keep their grace period")
    func overACluster() async throws {
        try await TestCluster.with(.model) { cluster in
            await cluster.model?.update { $0.settings.stepsUntilGone = 1000 }
            let key = cluster.key()
            let answer = Mutex(ProxiedTraffic())
            let asked = Mutex(0)
            try await cluster.withBackend { backend in
                await backend.listen { _, _ in
                    asked.withLock { $0 += 1 }
                    return answer.withLock { $0 }
                }
                let both = Sample.plan([(Sample.one, 2, 50), (Sample.two, 1, 50)], key: key)
                try await cluster.settle(backend, both)
                try await cluster.readyPods()
                try await cluster.wait(
                    until: { try await backend.observe(key).ready(Sample.one) == 2 }, "the pods are ready")
                let proxies = await backend.proxies(in: key.namespace).keys.sorted()
                #expect(proxies.count == 2)
                answer.withLock { $0 = Self.said([proxies[0]]) }
                try await cluster.settle(backend, Sample.plan([(Sample.two, 1, 100)], key: key))
                await cluster.model?.step()
                try await cluster.wait(until: { await ending(backend, key).count == 2 }, "two pods are being ended")
                let pods = await ending(backend, key)
                let before = asked.withLock { $0 }
                try await cluster.wait(until: { asked.withLock { $0 } > before + 1 }, "the proxies are asked again")
                for pod in pods { #expect(try await grace(pod, cluster) ?? 0 > 60, "one proxy has not said anything") }

                answer.withLock { $0 = Self.said(proxies, busy: [pods[0]]) }
                try await cluster.wait(until: { try await grace(pods[1], cluster) == 1 }, "the idle one may end")
                #expect(try await grace(pods[0], cluster) ?? 0 > 60)
                answer.withLock { $0 = Self.said(proxies) }
                try await cluster.wait(until: { try await grace(pods[0], cluster) == 1 }, "the other one too")
                let serving = await backend.views.pods.all(of: key).filter { $0.metadata.deletionTimestamp == nil }
                #expect(serving.map { PodObservation($0).revision } == [Sample.two])
                let deletions = cluster.transport.writes.filter { $0.method == .delete && $0.path.contains("/pods/") }
                #expect(deletions.count == 2, "each is said once")
            }
        }
    }

    @Test("of a revision that serves again are left alone")
    func wantedAgain() async throws {
        try await TestCluster.with(.model) { cluster in
            await cluster.model?.update { $0.settings.stepsUntilGone = 1000 }
            let key = cluster.key()
            let answer = Mutex(ProxiedTraffic())
            let asked = Mutex(0)
            try await cluster.withBackend { backend in
                await backend.listen { _, _ in
                    asked.withLock { $0 += 1 }
                    return answer.withLock { $0 }
                }
                let first = Sample.plan([(Sample.one, 2, 100)], key: key)
                try await cluster.settle(backend, first)
                try await cluster.readyPods()
                try await cluster.wait(
                    until: { try await backend.observe(key).ready(Sample.one) == 2 }, "the pods are ready")
                let proxies = await backend.proxies(in: key.namespace).keys
                try await cluster.settle(backend, Sample.plan([(Sample.two, 1, 100)], key: key))
                await cluster.model?.step()
                try await cluster.wait(until: { await ending(backend, key).count == 2 }, "two pods are being ended")
                let pods = await ending(backend, key)
                try await backend.apply(first)
                let before = asked.withLock { $0 }
                answer.withLock { $0 = Self.said(Array(proxies)) }
                try await ContinuousClock().sleep(for: IdlePodTermination.look * 2)
                for pod in pods { #expect(try await grace(pod, cluster) ?? 0 > 60) }
                #expect(asked.withLock { $0 } <= before + 1)
            }
        }
    }

    private func ending(_ backend: ClusterBackend, _ key: DeploymentKey) async -> [String] {
        await backend.views.pods.all(of: key).filter { $0.metadata.deletionTimestamp != nil }.map(\.metadata.name)
            .sorted()
    }

    private func grace(_ pod: String, _ cluster: TestCluster) async throws -> Int? {
        guard
            case .integer(let seconds)? = try await cluster.object(.pods, pod)?["metadata"]?[
                "deletionGracePeriodSeconds"]
        else { return nil }
        return seconds
    }
}

import Analysis
import ControlPorts
import Foundation
import ModelManifests
import Serving

/// A proxy pod in a cluster.
package struct ProxyPod: Hashable, Sendable {
    package var name: String
    /// `host:port` of its control address.
    package var address: String

    package init(name: String, address: String) {
        self.name = name
        self.address = address
    }
}

/// Readings from the proxies of a cluster. All proxies in the deployment's namespace are asked at once.
///
/// # Errors
/// If none of the namespace's proxies answers. If only some do not answer, their readings are missing: a gap is not evidence.
package actor ClusterProxyCounters: MetricSource {
    /// Shorter than the time that a pass waits for readings, so that one hanging proxy does not hide what the others report.
    static let timeout: Duration = .seconds(1)
    /// For deployments at rest: answers are reused for this long.
    static let restingFreshness: Duration = .seconds(5)
    /// If no proxy could be asked, the next attempt is made after this time.
    static let silencePause: Duration = .seconds(2)
    /// How long proxies may be silent before they are reported as unreachable.
    package static let defaultPatience: Duration = .seconds(10)
    static let mostBytes = 32 << 20
    static let mostProxies = 64
    static let mostNamespaces = 10_000

    /// What is known about the proxies of one namespace.
    private struct Known {
        var counters: ProxyCounters
        /// The last answer of each proxy, as long as the proxy exists.
        var digests: [String: ProxyDigest] = [:]
        /// The proxies that answered when all were asked last.
        var answered: Set<String> = []
        var askedAt: ContinuousClock.Instant?
        /// Why none of them answered the last time, and since when.
        var silence: (reason: String, since: ContinuousClock.Instant)?
    }

    private let pods: @Sendable (_ namespace: String) async throws -> [ProxyPod]
    private let patience: Duration
    private var namespaces: [String: Known] = [:]

    package init(
        patience: Duration = defaultPatience,
        pods: @escaping @Sendable (_ namespace: String) async throws -> [ProxyPod]
    ) {
        self.patience = patience
        self.pods = pods
    }

    package func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        try await counters(of: deployment.namespace).readings(for: deployment)
    }

    /// What the proxies report about a deployment's traffic.
    /// - Parameter isAtRest: whether an answer that is some seconds old is good enough.
    package func traffic(of deployment: DeploymentKey, isAtRest: Bool) async -> ProxiedTraffic {
        let namespace = deployment.namespace
        let counters = counters(of: namespace)
        let age = namespaces[namespace]?.askedAt.map { ContinuousClock.now - $0 }
        let isKnown = isAtRest && age.map { $0 < Self.restingFreshness } == true
        let isGivenUp = namespaces[namespace]?.silence != nil && age.map { $0 < Self.silencePause } == true
        if !isKnown, !isGivenUp {
            do {
                _ = try await counters.readings(for: deployment)
            } catch {
                noteSilence(String(describing: error), of: namespace)
            }
        }
        guard let known = namespaces[namespace] else { return ProxiedTraffic() }
        if let silence = known.silence {
            let isLasting = ContinuousClock.now - silence.since >= patience
            return ProxiedTraffic(silence: isLasting ? silence.reason : nil)
        }
        return ProxyDigest.traffic(
            of: deployment, answered: known.digests.filter { known.answered.contains($0.key) }, counted: known.digests)
    }

    private func note(_ answers: [ProxyAnswer], asked: [ProxyPod], of namespace: String) {
        let digests = answers.compactMap { answer in answer.proxy.map { ($0, ProxyDigest(answer.report)) } }
        let names = Set(asked.map(\.name))
        guard var known = namespaces[namespace] else { return }
        known.digests = known.digests.filter { names.contains($0.key) }.merging(digests) { $1 }
        known.answered = Set(digests.map(\.0))
        known.askedAt = .now
        known.silence = nil
        namespaces[namespace] = known
    }

    private func noteSilence(_ reason: String, of namespace: String) {
        let since = namespaces[namespace]?.silence?.since ?? .now
        namespaces[namespace]?.askedAt = .now
        namespaces[namespace]?.silence = (reason, since)
    }

    private func counters(of namespace: String) -> ProxyCounters {
        if let known = namespaces[namespace] { return known.counters }
        if namespaces.count >= Self.mostNamespaces { namespaces.removeAll() }
        let counters = ProxyCounters(answers: { [pods, weak self] in
            let asked = Array(try await pods(namespace).prefix(Self.mostProxies))
            let answers = try await Self.answers(of: asked, in: namespace)
            await self?.note(answers, asked: asked, of: namespace)
            return answers
        })
        namespaces[namespace] = Known(counters: counters)
        return counters
    }

    private static func answers(of pods: [ProxyPod], in namespace: String) async throws -> [ProxyAnswer] {
        let results = await withTaskGroup(of: Result<ProxyAnswer, any Error>.self) { group in
            for pod in pods { group.addTask { await answer(of: pod) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let answers = results.compactMap { try? $0.get() }
        if answers.isEmpty, case .failure(let error) = results.first { throw error }
        guard !results.isEmpty else {
            throw SourceError(.unreachable, "no pod of mlctl-proxy is ready in namespace \(namespace).")
        }
        return answers.sorted { ($0.proxy ?? "") < ($1.proxy ?? "") }
    }

    private static func answer(of pod: ProxyPod) async -> Result<ProxyAnswer, any Error> {
        do {
            let response = try await SourceTransport.send(
                SourceRequest(url: "http://\(pod.address)/report"), timeout: timeout, bytes: mostBytes)
            if let refusal = response.refusal(by: "proxy \(pod.name)") { throw refusal }
            // Anyone who may create or change a pod there controls what it reports.
            if let number = JSONCountLimits.excess(in: response.body) {
                throw SourceError(
                    .unreadable,
                    "proxy \(pod.name) reports \(number), which is too large for a counter: it is not a proxy of mlctl")
            }
            return .success(
                ProxyAnswer(
                    proxy: pod.name, report: try JSONDecoder().decode(ProxyReport.self, from: response.body)))
        } catch {
            return .failure(error)
        }
    }
}

import Analysis
import Controller
import Foundation
import ModelManifests
import Serving

/// One proxy's pod in a cluster.
public struct ProxyPod: Hashable, Sendable {
    public var name: String
    /// `host:port` at which it answers questions.
    public var address: String

    public init(name: String, address: String) {
        self.name = name
        self.address = address
    }
}

/// Readings from the proxies of a cluster: those of a deployment's namespace are asked, all at once.
///
/// # Errors
/// Where none of the namespace's proxies answers. Where some do not, theirs are missing: a gap is no evidence.
public actor ClusterProxyCounters: MetricSource {
    /// Shorter than what passes wait for readings: one proxy that hangs takes nothing from what the others say.
    static let timeout: Duration = .seconds(1)
    /// Of deployments at rest: what the proxies say of them is asked anew after this.
    static let restingFreshness: Duration = .seconds(5)
    /// Proxies that could not be asked are not waited for again before this.
    static let silencePause: Duration = .seconds(2)
    /// So long nothing is said of proxies that do not answer, before they are taken for out of reach.
    public static let defaultPatience: Duration = .seconds(10)
    static let mostBytes = 32 << 20
    static let mostProxies = 64
    static let mostNamespaces = 10_000

    /// A namespace's proxies.
    private struct Known {
        var counters: ProxyCounters
        /// As each said last, for as long as it is there.
        var digests: [String: ProxyDigest] = [:]
        /// Who answered when all were asked last.
        var answered: Set<String> = []
        var askedAt: ContinuousClock.Instant?
        /// Why none answered then, and since when it has been so.
        var silence: (reason: String, since: ContinuousClock.Instant)?
    }

    private let pods: @Sendable (_ namespace: String) async throws -> [ProxyPod]
    private let patience: Duration
    private var namespaces: [String: Known] = [:]

    public init(
        patience: Duration = defaultPatience,
        pods: @escaping @Sendable (_ namespace: String) async throws -> [ProxyPod]
    ) {
        self.patience = patience
        self.pods = pods
    }

    public func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        try await counters(of: deployment.namespace).readings(for: deployment)
    }

    /// What the proxies do with a deployment's requests, by their own word.
    /// - Parameter isAtRest: what they said some seconds ago is good enough.
    public func traffic(of deployment: DeploymentKey, isAtRest: Bool) async -> ProxiedTraffic {
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
            // Whoever may put a pod there, or change one, may say anything.
            if let number = CountLiterals.excess(in: response.body) {
                throw SourceError(
                    .unreadable,
                    "proxy \(pod.name) reports \(number), which nobody can have counted: it is no proxy of mlctl's")
            }
            return .success(
                ProxyAnswer(
                    proxy: pod.name, report: try JSONDecoder().decode(ProxyReport.self, from: response.body)))
        } catch {
            return .failure(error)
        }
    }
}

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
    static let timeout: Duration = .seconds(2)
    static let mostBytes = 32 << 20
    static let mostProxies = 64
    static let mostNamespaces = 10_000

    private let pods: @Sendable (_ namespace: String) async throws -> [ProxyPod]
    private var namespaces: [String: ProxyCounters] = [:]
    /// By namespace, as its proxies said last.
    private var reported: [String: [EndpointReport]] = [:]

    public init(pods: @escaping @Sendable (_ namespace: String) async throws -> [ProxyPod]) { self.pods = pods }

    public func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        try await counters(of: deployment.namespace).readings(for: deployment)
    }

    /// What proxies cannot follow of a deployment's route, when they were asked last for its readings.
    public func problems(of deployment: DeploymentKey) -> [String] {
        let endpoints = (reported[deployment.namespace] ?? []).filter { $0.deployment == deployment }
        return Set(endpoints.flatMap { $0.problems + [$0.error].compactMap(\.self) }).sorted()
    }

    private func note(_ answers: [ProxyAnswer], of namespace: String) {
        reported[namespace] = answers.flatMap(\.report.endpoints)
    }

    private func counters(of namespace: String) -> ProxyCounters {
        if let known = namespaces[namespace] { return known }
        if namespaces.count >= Self.mostNamespaces {
            namespaces.removeAll()
            reported.removeAll()
        }
        let counters = ProxyCounters(answers: { [pods, weak self] in
            let answers = try await Self.answers(of: pods(namespace).prefix(Self.mostProxies), in: namespace)
            await self?.note(answers, of: namespace)
            return answers
        })
        namespaces[namespace] = counters
        return counters
    }

    private static func answers(of pods: ArraySlice<ProxyPod>, in namespace: String) async throws -> [ProxyAnswer] {
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
            return .success(
                ProxyAnswer(
                    proxy: pod.name, report: try JSONDecoder().decode(ProxyReport.self, from: response.body)))
        } catch {
            return .failure(error)
        }
    }
}

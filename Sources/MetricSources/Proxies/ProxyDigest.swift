import ModelManifests
import Serving

/// The last report of one proxy about all deployments, without the counters for gates.
struct ProxyDigest: Hashable, Sendable {
    private var routes: [DeploymentKey: RouteReport]?
    private var ejected: [DeploymentKey: Set<String>]
    private var busy: [DeploymentKey: Set<String>]
    private var problems: [DeploymentKey: [String]]

    init(_ report: ProxyReport) {
        func names(where isMeant: (InstanceReport) -> Bool) -> [DeploymentKey: Set<String>] {
            Dictionary(
                report.instances.filter(isMeant).map { ($0.deployment, [$0.instance]) },
                uniquingKeysWith: { $0.union($1) })
        }
        routes = report.routes.map { Dictionary($0.map { ($0.deployment, $0) }) { $1 } }
        ejected = names(where: \.ejected)
        busy = names { $0.isListed || $0.inFlight > 0 }
        let refused = report.refused.map { ($0.deployment, $0.reasons) }
        problems = Dictionary(
            report.endpoints.map { ($0.deployment, $0.problems + [$0.error].compactMap(\.self)) } + refused,
            uniquingKeysWith: +
        ).filter { !$0.value.isEmpty }
    }

    /// - Parameters:
    ///   - answered: the proxies that answered the last time, by name.
    ///   - counted: these, and also the proxies that were silent.
    static func traffic(
        of deployment: DeploymentKey, answered: [String: ProxyDigest], counted: [String: ProxyDigest]
    ) -> ProxiedTraffic {
        let counts = counted.values.compactMap { $0.routes?[deployment] }
        return ProxiedTraffic(
            shares: answered.compactMapValues { digest in digest.routes.map { $0[deployment]?.shares ?? [] } },
            ejected: answered.values.reduce(into: []) { $0.formUnion($1.ejected[deployment] ?? []) },
            busy: answered.values.reduce(into: []) { $0.formUnion($1.busy[deployment] ?? []) },
            cutRequests: counts.reduce(0) { $0 + $1.cutRequests },
            refusedConnections: counts.reduce(0) { $0 + $1.refusedConnections },
            problems: Set(answered.values.flatMap { $0.problems[deployment] ?? [] }).sorted())
    }
}

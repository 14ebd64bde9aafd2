import Foundation
import FoundationNetworking
import KubernetesClient
import TestSupport

/// Measures weight changes in a cluster: from the time of the decision's event to the route in the API server's watch,
/// and from there to each of two proxies. All clocks are this machine's.
enum ClusterWeights {
    static let rounds = 20
    static let proxies = 2
    static let waitLimit: Duration = .seconds(30)

    static func run(mlctl: URL) async throws -> [Figure] {
        guard let cluster = try BenchCluster.named() else { return BenchCluster.notNamed }
        try await cluster.install(mlctl)
        let namespace = try await cluster.makeNamespace()
        let weights = (1...rounds + 1).map { "{setWeight: \($0)}, {pause: {}}" }.joined(separator: ", ")
        let installation = try ClusterInstallation(
            mlctl, cluster, namespaces: [namespace], steps: "[\(weights), {setWeight: 100}]")
        defer { installation.close() }
        let proxies = try BenchProxies(proxies, mlctl, cluster, namespace)
        defer { proxies.close() }
        let pods = ReadyPods(cluster: cluster, namespace: namespace, proxyAddresses: proxies.addresses)
        try installation.commit(0..<1)
        try await installation.start()
        try await cluster.until("its route is written", limit: waitLimit) {
            try await cluster.count(.configMaps, in: namespace) > 0
        }
        try await pods.make()
        try await installation.untilHealthy(1)
        _ = try installation.commit(changing: 0)
        try await installation.hook()
        try await cluster.until("the candidate has traffic", limit: waitLimit) {
            try await pods.make()
            return try await installation.status(of: 0)?.candidate?.weight == 1
        }
        let watch = MetadataWatch(WatchedConfigMap.self, cluster.api, in: namespace)
        let watching = Task { await watch.run() }
        defer { watching.cancel() }
        return try await measure(cluster, installation, proxies, watch)
    }

    private static func measure(
        _ cluster: BenchCluster, _ installation: ClusterInstallation, _ proxies: BenchProxies,
        _ watch: MetadataWatch<WatchedConfigMap>
    ) async throws -> [Figure] {
        let asked = proxies.weights
        var written: [Double] = []
        var used: [Double] = []
        for weight in 2...rounds + 1 {
            try await cluster.until("weight \(weight - 1) is waited at", limit: waitLimit) {
                try await installation.status(of: 0)?.phase == .paused
            }
            let before = watch.newest
            async let routed = watch.date("weight \(weight) is written") { watch.newest > before }
            async let taken = asked.date(ofWeight: weight, limit: waitLimit)
            try installation.promote(0)
            let dates = try await (written: routed, used: taken)
            let events = try await installation.events(of: 0)
            guard let decided = events.first(where: { $0.event.message.hasSuffix("set weight \(weight) %") })
            else { throw BenchmarkError("no event of weight \(weight): \(events.map(\.event.message))") }
            written.append(dates.written.timeIntervalSince(decided.event.at) * 1000)
            used.append(dates.used.timeIntervalSince(dates.written) * 1000)
        }
        return [
            figure("weight change in a cluster: decided → route written", goal: 50, written),
            figure("route written → used by the later of \(Self.proxies) proxies", goal: 200, used),
        ]
    }

    private static func figure(_ what: String, goal: Double, _ times: [Double]) -> Figure {
        let worst = times.max() ?? .nan
        return Figure(
            what: what, goal: "under \(text(goal)) ms",
            measured: "median \(text(times.median)) ms, worst of \(times.count) \(text(worst)) ms",
            isMet: times.median < goal)
    }
}

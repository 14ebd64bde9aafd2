import Foundation
import TestSupport

/// A controller with 10,000 deployments in a cluster, without any changes.
enum ClusterMemory {
    static let deployments = 10_000
    static let namespaces = 20

    static func run(mlctl: URL) async throws -> [Figure] {
        guard let cluster = try BenchCluster.named() else { return BenchCluster.notNamed }
        try await cluster.install(mlctl)
        let names = try await cluster.makeNamespaces(namespaces)
        let installation = try ClusterInstallation(mlctl, cluster, namespaces: names)
        defer { installation.close() }
        try installation.commit(0..<deployments)
        try await installation.start()
        try await cluster.until("all routes are written", limit: .seconds(1200)) {
            var written = 0
            for name in names { written += try await cluster.count(.configMaps, in: name) }
            return written >= deployments
        }
        let used = try await installation.settledMemoryMiB()
        return [
            Figure(
                what: "memory with \(deployments) deployments in a cluster", goal: "under 500 MiB",
                measured: "\(text(used, 1)) MiB", isMet: used < 500)
        ]
    }
}

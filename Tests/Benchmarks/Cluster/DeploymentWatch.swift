import Foundation
import KubernetesClient

/// The Deployments of a namespace, as a watch tells them.
final class DeploymentWatch: Sendable {
    private struct Watched: KubernetesObject {
        static let resource = ResourceType.deployments
        var metadata: ObjectMetadata
    }

    private let cache: ObjectCache<Watched>
    private let namespace: String

    init(_ api: KubernetesAPI, in namespace: String) {
        self.namespace = namespace
        cache = ObjectCache(of: api, APIRequest.Selection(namespace: namespace), isMetadataOnly: true)
    }

    func run() async { await cache.run() }

    var names: [String] { cache.all.map(\.metadata.name) }

    func version(of name: String) -> Int { cache[ObjectKey(namespace: namespace, name: name)]?.metadata.order ?? 0 }

    /// Looks whenever something changes, so that what is timed is not the looking.
    func until(_ what: String, limit: Duration = .seconds(60), _ isMet: @Sendable @escaping () -> Bool) async throws {
        let changes = cache.changes()
        if isMet() { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in changes where isMet() { return }
                try Task.checkCancellation()
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw BenchmarkError("waited \(limit) in vain: \(what)")
            }
            try await group.next()
            group.cancelAll()
        }
    }
}

extension ObjectMetadata {
    /// Of versions of one type, the later is the larger (Kubernetes 1.35 and newer promise that).
    var order: Int { resourceVersion.flatMap { Int($0) } ?? 0 }
}

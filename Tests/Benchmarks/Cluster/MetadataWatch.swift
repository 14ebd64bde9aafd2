import Foundation
import KubernetesClient

/// A type of object whose metadata is watched.
protocol WatchedType: KubernetesObject {}

struct WatchedDeployment: WatchedType {
    static let resource = ResourceType.deployments
    var metadata: ObjectMetadata
}

struct WatchedConfigMap: WatchedType {
    static let resource = ResourceType.configMaps
    var metadata: ObjectMetadata
}

/// The objects of one type in a namespace, as a watch reports them.
final class MetadataWatch<Watched: WatchedType>: Sendable {
    private let cache: ObjectCache<Watched>
    private let namespace: String

    init(_ type: Watched.Type, _ api: KubernetesAPI, in namespace: String) {
        self.namespace = namespace
        cache = ObjectCache(of: api, APIRequest.Selection(namespace: namespace), isMetadataOnly: true)
    }

    func run() async { await cache.run() }

    var names: [String] { cache.all.map(\.metadata.name) }

    func version(of name: String) -> Int {
        cache[NamespacedName(namespace: namespace, name: name)]?.metadata.order ?? 0
    }

    /// The latest reported version of any of them.
    var newest: Int { cache.all.map(\.metadata.order).max() ?? 0 }

    /// The time at which this was true, as `until` observes it.
    func date(_ what: String, limit: Duration = .seconds(60), _ isMet: @Sendable @escaping () -> Bool) async throws
        -> Date
    {
        try await until(what, limit: limit, isMet)
        return Date()
    }

    /// Checks whenever something changes, so that the check itself does not affect the time.
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
    /// Of two versions of one type, the later is the larger (Kubernetes 1.35 and newer guarantee that).
    var order: Int { resourceVersion.flatMap { Int($0) } ?? 0 }
}

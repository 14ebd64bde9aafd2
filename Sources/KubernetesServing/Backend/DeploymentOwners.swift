import KubernetesClient
import ModelManifests

/// Looks up the ModelDeployments of a cluster. Older versions of mlctl made them the owners of all objects that it created.
package protocol DeploymentOwners: Sendable {
    /// - Returns: nil if it does not exist or is being deleted.
    /// - Throws: `APIError`.
    func owner(of deployment: DeploymentKey) async throws -> OwnerReference?
    /// Keeps its knowledge up to date until its task is cancelled.
    func run() async
}

extension DeploymentOwners {
    package func run() async {}
}

extension OwnerReference {
    /// The reference that makes the ModelDeployment with this UID the owner of an object.
    package static func modelDeployment(named name: String, uid: String) -> OwnerReference {
        OwnerReference(
            apiVersion: ResourceType.modelDeployments.apiVersion, kind: ResourceType.modelDeployments.kind, name: name,
            uid: uid)
    }
}

/// Watches the metadata of ModelDeployments, and requests those that the watch has not shown yet.
package struct CachedOwners: DeploymentOwners {
    enum Kind: ManagedKind {
        static let resource = ResourceType.modelDeployments
    }

    private let api: KubernetesAPI
    private let cache: ObjectCache<ManagedObject<Kind>>

    package init(_ api: KubernetesAPI) {
        self.api = api
        cache = ObjectCache(of: api, isMetadataOnly: true)
    }

    package func run() async { await cache.run() }

    package func owner(of deployment: DeploymentKey) async throws -> OwnerReference? {
        let key = NamespacedName(namespace: deployment.namespace, name: deployment.name)
        var found = cache[key]?.metadata
        if found == nil { found = try await api.head(.modelDeployments, key)?.metadata }
        guard let found, let uid = found.uid, found.deletionTimestamp == nil else { return nil }
        return .modelDeployment(named: deployment.name, uid: uid)
    }
}

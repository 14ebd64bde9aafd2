import KubernetesClient
import ModelManifests

/// Who knows the ModelDeployments of a cluster: they own all that is made for them.
public protocol DeploymentOwners: Sendable {
    /// - Returns: nil where there is none, or it is being deleted: its objects are then owned by nobody, so that they
    ///   outlive it.
    /// - Throws: `APIError`.
    func owner(of deployment: DeploymentKey) async throws -> OwnerReference?
}

extension OwnerReference {
    /// What makes the ModelDeployment with that uid the owner of an object.
    public static func modelDeployment(named name: String, uid: String) -> OwnerReference {
        OwnerReference(
            apiVersion: ResourceType.modelDeployments.apiVersion, kind: ResourceType.modelDeployments.kind, name: name,
            uid: uid)
    }
}

/// Asks the API server each time. For tests, and where nobody has a cache of them.
public struct AskedOwners: DeploymentOwners {
    let api: KubernetesAPI

    public init(_ api: KubernetesAPI) { self.api = api }

    public func owner(of deployment: DeploymentKey) async throws -> OwnerReference? {
        let key = ObjectKey(namespace: deployment.namespace, name: deployment.name)
        guard let found = try await api.head(.modelDeployments, key), let uid = found.metadata.uid,
            found.metadata.deletionTimestamp == nil
        else { return nil }
        return .modelDeployment(named: deployment.name, uid: uid)
    }
}

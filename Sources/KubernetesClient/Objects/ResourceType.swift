import SafeText

/// A type of object, as the paths of the API server name it.
package struct ResourceType: Hashable, Sendable {
    /// Empty for the core group.
    package var group: String
    package var version: String
    package var kind: String
    package var plural: String
    package var isNamespaced: Bool

    package init(group: String = "", version: String = "v1", kind: String, plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    /// `apps/v1`, or `v1` for the core group.
    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The path of one object, or of all if `name` is nil.
    /// - Parameter namespace: nil for cluster-scoped objects, or for those of all namespaces.
    package func path(namespace: String? = nil, name: String? = nil, subresource: String? = nil) -> String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if isNamespaced, let namespace { path += "/namespaces/\(Escape.uriPart(namespace))" }
        path += "/\(plural)"
        if let name { path += "/\(Escape.uriPart(name))" }
        if let subresource { path += "/\(subresource)" }
        return path
    }
}

extension ResourceType {
    package static let pods = ResourceType(kind: "Pod", plural: "pods")
    package static let services = ResourceType(kind: "Service", plural: "services")
    package static let configMaps = ResourceType(kind: "ConfigMap", plural: "configmaps")
    package static let secrets = ResourceType(kind: "Secret", plural: "secrets")
    package static let serviceAccounts = ResourceType(kind: "ServiceAccount", plural: "serviceaccounts")
    package static let namespaces = ResourceType(kind: "Namespace", plural: "namespaces", isNamespaced: false)
    package static let events = ResourceType(group: "events.k8s.io", kind: "Event", plural: "events")
    package static let deployments = ResourceType(group: "apps", kind: "Deployment", plural: "deployments")
    package static let jobs = ResourceType(group: "batch", kind: "Job", plural: "jobs")
    package static let podDisruptionBudgets = ResourceType(
        group: "policy", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets")
    package static let endpointSlices = ResourceType(
        group: "discovery.k8s.io", kind: "EndpointSlice", plural: "endpointslices")
    package static let leases = ResourceType(group: "coordination.k8s.io", kind: "Lease", plural: "leases")
    package static let roles = ResourceType(group: "rbac.authorization.k8s.io", kind: "Role", plural: "roles")
    package static let roleBindings = ResourceType(
        group: "rbac.authorization.k8s.io", kind: "RoleBinding", plural: "rolebindings")
    package static let networkPolicies = ResourceType(
        group: "networking.k8s.io", kind: "NetworkPolicy", plural: "networkpolicies")
    package static let customResourceDefinitions = ResourceType(
        group: "apiextensions.k8s.io", kind: "CustomResourceDefinition", plural: "customresourcedefinitions",
        isNamespaced: false)
    package static let httpRoutes = ResourceType(
        group: "gateway.networking.k8s.io", kind: "HTTPRoute", plural: "httproutes")
    package static let modelDeployments = ResourceType(
        group: "mlctl.dev", version: "v1alpha1", kind: "ModelDeployment", plural: "modeldeployments")
}

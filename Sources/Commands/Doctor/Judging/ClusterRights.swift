/// Checks that the controller has the rights that it needs in a cluster, and few others. Pure.
enum ClusterRights {
    struct Right: Hashable, Sendable, CustomStringConvertible {
        var verb: String
        var group: String
        /// With its subresource, such as `pods/log`.
        var resource: String
        var name: String?

        init(_ verb: String, _ resource: String, group: String = "", name: String? = nil) {
            self.verb = verb
            self.group = group
            self.resource = resource
            self.name = name
        }

        var description: String {
            let place = group.isEmpty || group == "*" ? resource : "\(resource).\(group)"
            return "\(verb) \(place)\(name.map { "/\($0)" } ?? "")"
        }
    }

    private static let all = ["get", "list", "watch", "create", "update", "patch", "delete"]
    /// The verbs for an object that is applied under one fixed name.
    private static let applied = ["get", "list", "watch", "create", "patch", "delete"]

    private static func rights(
        _ group: String, _ resources: [String], _ verbs: [String], name: String? = nil
    ) -> [Right] {
        resources.flatMap { resource in verbs.map { Right($0, resource, group: group, name: name) } }
    }

    /// The rights of the chart's role.
    static let needed: [Right] =
        rights("mlctl.dev", ["modeldeployments"], all)
        + rights("mlctl.dev", ["modeldeployments/status", "modeldeployments/finalizers"], ["get", "update", "patch"])
        + rights("apps", ["deployments"], all)
        + rights("", ["services", "configmaps"], all)
        + rights("policy", ["poddisruptionbudgets"], all)
        + rights("networking.k8s.io", ["networkpolicies"], applied, name: "mlctl-proxy")
        + rights("", ["serviceaccounts"], applied, name: "mlctl-proxy")
        + rights("", ["secrets"], all, name: "mlctl-proxy-key")
        + rights("", ["pods"], ["get", "list", "watch", "delete"])
        + rights("", ["pods/log"], ["get"])
        + rights("batch", ["jobs"], ["get", "list", "watch", "create", "delete"])
        + rights("rbac.authorization.k8s.io", ["roles", "rolebindings"], applied, name: "mlctl-proxy")
        + rights("discovery.k8s.io", ["endpointslices"], ["get", "list", "watch"])
        + rights("events.k8s.io", ["events"], ["create", "patch", "list"])

    /// Rights that each give access to everything in the namespace, the cluster or its machines.
    static let grave: [Right] = [
        Right("*", "*", group: "*"), Right("list", "secrets"), Right("get", "secrets"),
        Right("create", "clusterrolebindings", group: "rbac.authorization.k8s.io"),
        Right("impersonate", "users"), Right("escalate", "roles", group: "rbac.authorization.k8s.io"),
    ]
    /// Other rights that the controller does not need.
    static let excessive: [Right] = [
        Right("create", "secrets"), Right("create", "pods"), Right("create", "pods/exec"),
        Right("create", "serviceaccounts/token"),
        Right("delete", "namespaces"), Right("get", "nodes/proxy"),
    ]

    /// - Parameters:
    ///   - granted: the granted rights among those that were checked.
    ///   - scope: `in all namespaces`, or `in namespace payments`.
    static func findings(cluster: String, granted: Set<Right>, scope: String) -> [Finding] {
        var found: [Finding] = []
        let missing = needed.filter { !granted.contains($0) }
        if !missing.isEmpty {
            found.append(
                .problem(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller may not \(list(missing)) \(scope)",
                    "Bind the chart's role to it: helm template charts/mlctl --show-only templates/rbac.yaml"))
        }
        let advice =
            "Give the controller its own service account with the chart's role: helm template charts/mlctl --show-only "
            + "templates/rbac.yaml"
        let much = grave.filter { granted.contains($0) }
        if granted.contains(grave[0]) {
            found.append(
                .problem(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller may do everything \(scope), like an administrator",
                    advice))
        } else if !much.isEmpty {
            found.append(
                .problem(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller has dangerous rights that it does not need: \(list(much)) \(scope)",
                    advice))
        }
        let more = excessive.filter { granted.contains($0) }
        if !more.isEmpty, !granted.contains(grave[0]) {
            found.append(
                .warning(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller has rights that it does not need: \(list(more)) \(scope)",
                    advice))
        }
        return found.isEmpty
            ? [
                .ok(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller has the rights that it needs \(scope), and no dangerous ones")
            ]
            : found
    }

    private static let shown = 6

    private static func list(_ rights: [Right]) -> String {
        rights.prefix(shown).map(\.description).joined(separator: ", ")
            + (rights.count > shown ? " and \(rights.count - shown) more" : "")
    }
}

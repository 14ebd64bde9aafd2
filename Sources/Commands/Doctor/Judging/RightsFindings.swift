import ModelManifests

/// Whether the controller can do more to its machine than it needs. Pure.
enum UserRightsFindings {
    struct Rights: Hashable, Sendable {
        /// As whom the controller runs, or would.
        var user: UInt32
        var servesLocally: Bool
        /// What is served on this machine; nil where manifests could not be read.
        var local: [Server]?
    }

    struct Server: Hashable, Sendable {
        var deployment: DeploymentKey
        /// Another user; nil: as the controller.
        var runsAs: String?
    }

    private static let shown = 3

    static func all(_ rights: Rights) -> Finding {
        let advice =
            "Give each runtime a user of its own (runtime: {runAs: {user: models}}), or run the controller as a user that has "
            + "nothing else: controller/mlctl.service"
        guard rights.servesLocally else {
            return rights.user == 0
                ? .warning(
                    .rightsUser,
                    "the controller runs as root, and serves nothing on this machine: it needs no rights here",
                    "Run it as a user of its own: controller/mlctl.service")
                : .ok(.rightsUser, "the controller is user \(rights.user), and serves nothing on this machine")
        }
        guard rights.user == 0 else {
            let wanting = (rights.local ?? []).filter { $0.runsAs != nil }
            guard let first = wanting.first else {
                return .ok(.rightsUser, "the controller and its model servers are user \(rights.user), not root")
            }
            return .problem(
                .rightsUser,
                "\(first.deployment) wants to run as user '\(first.runsAs ?? "")', which only root's controller can do",
                "Leave runAs out, or run the controller as root")
        }
        guard let local = rights.local else {
            return .warning(
                .rightsUser,
                "the controller runs as root: model servers without runAs are root too, and a model can be code",
                advice)
        }
        let bare = local.filter { $0.runsAs == nil }.map(\.deployment.description).sorted()
        guard !bare.isEmpty else {
            return .ok(
                .rightsUser, "the controller is root, and each of \(local.count) model servers has a user of its own")
        }
        let names = bare.prefix(shown).joined(separator: ", ")
        return .problem(
            .rightsUser,
            "\(names)\(bare.count > shown ? " and \(bare.count - shown) more" : "") would run as root: a model can be code, and "
                + "could then do anything on this machine", advice)
    }
}

/// Whether the controller may do in a cluster what it has to, and not much more. Pure.
enum ClusterRights {
    struct Right: Hashable, Sendable, CustomStringConvertible {
        var verb: String
        var group: String
        /// With its subresource: `pods/log`.
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

    private static func rights(
        _ group: String, _ resources: [String], _ verbs: [String], name: String? = nil
    ) -> [Right] {
        resources.flatMap { resource in verbs.map { Right($0, resource, group: group, name: name) } }
    }

    /// As the chart's role has them.
    static let needed: [Right] =
        rights("mlctl.dev", ["modeldeployments"], all)
        + rights("mlctl.dev", ["modeldeployments/status", "modeldeployments/finalizers"], ["get", "update", "patch"])
        + rights("apps", ["deployments"], all)
        + rights("", ["services", "configmaps", "serviceaccounts"], all)
        + rights("policy", ["poddisruptionbudgets"], all)
        + rights("networking.k8s.io", ["networkpolicies"], all)
        + rights("", ["secrets"], ["get", "list", "watch", "update", "delete"], name: "mlctl-proxy-key")
        + rights("", ["secrets"], ["create"])
        + rights("", ["pods"], ["get", "list", "watch", "delete"])
        + rights("", ["pods/log"], ["get"])
        + rights("rbac.authorization.k8s.io", ["roles", "rolebindings"], all)
        + rights("discovery.k8s.io", ["endpointslices"], ["get", "list", "watch"])
        + rights("events.k8s.io", ["events"], ["create", "patch", "list"])

    /// Each a way to everything in the namespace, the cluster or its machines.
    static let grave: [Right] = [
        Right("*", "*", group: "*"), Right("list", "secrets"), Right("get", "secrets"),
        Right("create", "clusterrolebindings", group: "rbac.authorization.k8s.io"),
        Right("impersonate", "users"), Right("escalate", "roles", group: "rbac.authorization.k8s.io"),
    ]
    /// More than it needs.
    static let excessive: [Right] = [
        Right("create", "pods"), Right("create", "pods/exec"), Right("create", "serviceaccounts/token"),
        Right("delete", "namespaces"), Right("get", "nodes/proxy"),
    ]

    /// - Parameters:
    ///   - granted: of those that were asked about.
    ///   - scope: `in all namespaces`, or `in namespace payments`.
    static func findings(cluster: String, granted: Set<Right>, scope: String) -> [Finding] {
        var found: [Finding] = []
        let missing = needed.filter { !granted.contains($0) }
        if !missing.isEmpty {
            found.append(
                .problem(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller may not \(list(missing)) \(scope)",
                    "Bind it the role of the chart: helm template charts/mlctl --show-only templates/rbac.yaml"))
        }
        let advice =
            "Give the controller a service account of its own with the chart's role: helm template charts/mlctl --show-only "
            + "templates/rbac.yaml"
        let much = grave.filter { granted.contains($0) }
        if granted.contains(grave[0]) {
            found.append(
                .problem(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller may do everything \(scope), as an administrator may",
                    advice))
        } else if !much.isEmpty {
            found.append(
                .problem(
                    .rightsCluster, "cluster '\(cluster)': beyond its need, the controller may \(list(much)) \(scope)",
                    advice))
        }
        let more = excessive.filter { granted.contains($0) }
        if !more.isEmpty, !granted.contains(grave[0]) {
            found.append(
                .warning(
                    .rightsCluster, "cluster '\(cluster)': beyond its need, the controller may \(list(more)) \(scope)",
                    advice))
        }
        return found.isEmpty
            ? [
                .ok(
                    .rightsCluster,
                    "cluster '\(cluster)': the controller may do what it has to \(scope), and none of what it must not")
            ]
            : found
    }

    private static let shown = 6

    private static func list(_ rights: [Right]) -> String {
        rights.prefix(shown).map(\.description).joined(separator: ", ")
            + (rights.count > shown ? " and \(rights.count - shown) more" : "")
    }
}

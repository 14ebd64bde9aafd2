import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Refusals by a cluster's policies, on demand.
package struct Refusals: Sendable {
    /// The most objects of a type in a namespace.
    package struct Quota: Sendable {
        package var name: String
        package var namespace: String
        package var type: ResourceType
        package var limit: Int

        package init(name: String, namespace: String, type: ResourceType, limit: Int) {
            self.name = name
            self.namespace = namespace
            self.type = type
            self.limit = limit
        }
    }

    /// An admission webhook that refuses, or does not answer. Its rule names a resource without its subresources.
    package struct Webhook: Sendable {
        package var name: String
        package var type: ResourceType
        /// The reason; nil: the webhook does not answer.
        package var message: String?
        /// Whether it refuses an object in its new form.
        package var refuses: @Sendable (JSONValue) -> Bool

        package init(
            name: String, type: ResourceType, message: String?,
            refuses: @escaping @Sendable (JSONValue) -> Bool = { _ in true }
        ) {
            self.name = name
            self.type = type
            self.message = message
            self.refuses = refuses
        }
    }

    /// Verbs that the user may not use: `get`, `list`, `create`, `update`, `patch`, `delete`, `watch`.
    package struct Denial: Sendable {
        package var verbs: Set<String>
        package var type: ResourceType
        /// Nil: in all namespaces.
        package var namespace: String?

        package init(verbs: Set<String>, type: ResourceType, namespace: String? = nil) {
            self.verbs = verbs
            self.type = type
            self.namespace = namespace
        }
    }

    /// A rule of a Role or ClusterRole, with its binding.
    package struct Right: Sendable {
        /// Nil: in all namespaces, and cluster-wide.
        package var namespace: String?
        package var groups: Set<String>
        /// Plurals; a subresource follows a slash.
        package var resources: Set<String>
        /// Nil: all names.
        package var names: Set<String>?
        package var verbs: Set<String>

        package init(
            namespace: String?, groups: Set<String>, resources: Set<String>, names: Set<String>? = nil,
            verbs: Set<String>
        ) {
            self.namespace = namespace
            self.groups = groups
            self.resources = resources
            self.names = names
            self.verbs = verbs
        }

        func allows(_ verb: String, _ plural: String, _ name: String?, _ request: ResourceRequest) -> Bool {
            (namespace == nil || namespace == request.namespace) && groups.contains(request.type.resource.group)
                && resources.contains(plural) && verbs.contains(verb)
                && (names == nil || name.map { names?.contains($0) == true } == true)
        }
    }

    package var quotas: [Quota] = []
    package var webhooks: [Webhook] = []
    package var denials: [Denial] = []
    /// All rights of the user; nil: everything is allowed.
    package var rights: [Right]?
    package var user = "system:serviceaccount:mlctl:mlctl"

    package init() {}

    /// Quotas count created objects; webhooks see every write.
    func check(_ new: JSONValue, _ write: PendingWrite, in store: ObjectStore) throws {
        for webhook in webhooks
        where webhook.type == write.type.resource && write.subresource == nil && webhook.refuses(new) {
            guard let message = webhook.message else {
                throw Refusal(
                    500, "InternalError",
                    "Internal error occurred: failed calling webhook \"\(webhook.name)\": failed to call webhook: "
                        + "Post \"https://\(webhook.name)/?timeout=10s\": context deadline exceeded")
            }
            throw Refusal(403, "Forbidden", "admission webhook \"\(webhook.name)\" denied the request: \(message)")
        }
        guard write.live == nil else { return }
        for quota in quotas where quota.type == write.type.resource && quota.namespace == write.key.namespace {
            let used = store.all(write.type).count { $0.key.namespace == quota.namespace }
            guard used >= quota.limit else { continue }
            let name = quota.type.group.isEmpty ? quota.type.plural : "count/\(write.type.qualifiedPlural)"
            throw Refusal.forbidden(
                write.type, write.key.name,
                "exceeded quota: \(quota.name), requested: \(name)=1, used: \(name)=\(used), limited: \(name)=\(quota.limit)"
            )
        }
    }

    /// - Parameter creates: whether it is a server-side apply of a missing object, which is also a creation under its name.
    func checkPermission(_ method: APIRequest.Method, _ request: ResourceRequest, creates: Bool = false) throws {
        let verb =
            switch method {
            case .get: request.isSet("watch") ? "watch" : request.name == nil ? "list" : "get"
            case .post: "create"
            case .put: "update"
            case .patch: "patch"
            case .delete: "delete"
            }
        let isDenied = denials.contains { denial in
            denial.verbs.contains(verb) && denial.type == request.type.resource
                && (denial.namespace == nil || denial.namespace == request.namespace)
        }
        let isLacking = !isRight(verb, request) || creates && !isRight("create", request)
        guard isDenied || isLacking else { return }
        let place = request.namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        let resource = request.type.resource
        let plural = request.subresource.map { "\(resource.plural)/\($0)" } ?? resource.plural
        let text =
            "User \"\(user)\" cannot \(verb) resource \"\(plural)\" in API group \"\(resource.group)\" \(place)"
        guard let name = request.name else {
            throw Refusal(
                403, "Forbidden", "\(request.type.qualifiedPlural) is forbidden: \(text)",
                details: ["kind": .string(resource.plural)])
        }
        throw Refusal.forbidden(request.type, name, text)
    }

    /// As in RBAC: a list of one name counts as a list with that name.
    private func isRight(_ verb: String, _ request: ResourceRequest) -> Bool {
        guard let rights else { return true }
        let plural = [request.type.resource.plural, request.subresource].compactMap(\.self).joined(separator: "/")
        let field = "metadata.name="
        let listed = request["fieldSelector"].flatMap { $0.hasPrefix(field) ? String($0.dropFirst(field.count)) : nil }
        let name = request.name ?? listed
        return rights.contains { $0.allows(verb, plural, name, request) }
    }
}

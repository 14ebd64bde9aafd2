import Foundation
import KubernetesClient
import ModelManifests

/// What a cluster's policies refuse, on demand.
package struct Refusals: Sendable {
    /// So many objects of a type in a namespace.
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

    /// An admission webhook that says no, or does not answer. As one whose rule names a resource without its subresources.
    package struct Webhook: Sendable {
        package var name: String
        package var type: ResourceType
        /// Why; nil: the webhook does not answer.
        package var message: String?
        /// Of objects, as they would become, that it says no to.
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
        /// Nil: everywhere.
        package var namespace: String?

        package init(verbs: Set<String>, type: ResourceType, namespace: String? = nil) {
            self.verbs = verbs
            self.type = type
            self.namespace = namespace
        }
    }

    package var quotas: [Quota] = []
    package var webhooks: [Webhook] = []
    package var denials: [Denial] = []
    package var user = "system:serviceaccount:mlctl:mlctl"

    package init() {}

    /// Quotas count what is created; webhooks see every write.
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

    func checkPermission(_ method: APIRequest.Method, _ request: ResourceRequest) throws {
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
        guard isDenied else { return }
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
}

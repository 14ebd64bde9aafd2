import KubernetesClient
import Transport

/// Why a plan cannot be applied to a cluster.
package typealias ClusterServingError = CodedError<ClusterServingErrorCode>

package enum ClusterServingErrorCode: ErrorCode {
    /// The manifest asks for what a cluster cannot do.
    case invalidPlan
    /// An object of that name belongs to somebody else.
    case foreignObject
    /// A definition that the router needs is not installed.
    case missingDefinition
    /// The caches have not been filled yet.
    case notSynced
    /// The API server refused.
    case refused
    /// There was no answer, or no credentials to ask with: asking for something else is in vain.
    case unreachable

    package var retryClass: RetryClass {
        switch self {
        case .invalidPlan: .terminal
        case .notSynced, .unreachable: .transient
        case .foreignObject, .missingDefinition, .refused: .waiting
        }
    }
}

extension ClusterServingError {
    /// Explains an API error about one object, with advice if there is any.
    init(_ error: APIError, about object: String) {
        let advice = Self.advice(error, about: object)
        let isUnreachable = error.reason == .transport || error.reason == .credentials
        self.init(
            isUnreachable ? .unreachable : .refused,
            "\(object): \(advice.map { "\(Self.sentence(error.message)) \($0)" } ?? error.message)",
            retry: Self.retry(error))
    }

    private static func sentence(_ text: String) -> String {
        text.last.map { ".!?".contains($0) } == true ? text : text + "."
    }

    private static func retry(_ error: APIError) -> RetryClass {
        switch error.retry {
        case .transient, .conflict: .transient
        case .waiting: .waiting
        // Webhooks and quotas answer with various 4xx codes: somebody may change them, so wait.
        case .terminal: error.statusCode == 422 ? .terminal : .waiting
        }
    }

    private static func advice(_ error: APIError, about object: String) -> String? {
        if error.isNamespaceTerminating {
            return "The namespace is being deleted: wait until it is gone, or deploy to another."
        }
        if error.message.contains("exceeded quota") { return "Raise the namespace's ResourceQuota, or ask for less." }
        if error.message.contains("admission webhook") || error.message.contains("failed calling webhook") {
            return "Ask the owner of that webhook, or change what it refuses."
        }
        if error.message.contains("ValidatingAdmissionPolicy") {
            return "Ask the owner of that policy, or change what it refuses."
        }
        if object.hasPrefix("ModelDeployment"), error.isOlderDefinition {
            return "The definition in this cluster is older than the controller: install the newer one with "
                + "`mlctl schema --crd | kubectl apply --server-side -f -`."
        }
        if error.isTooLarge {
            return "An API server takes objects up to about 1.5 MB and annotations up to 256 KiB: shorten the manifest."
        }
        if error.statusCode == 403, error.message.contains(" cannot ") || error.message.contains("grant RBAC") {
            return "Give the controller's service account that right: the chart's Role has it."
        }
        if error.isNotFound, error.message.hasPrefix("namespaces ") { return "Create the namespace." }
        if error.statusCode == 422, object.hasPrefix("ModelDeployment") {
            return "Correct the manifest in git; the last accepted version stays in force."
        }
        return nil
    }
}

extension APIError {
    /// A field that the schema in the cluster does not have.
    fileprivate var isOlderDefinition: Bool {
        message.contains("field not declared in schema") || message.contains("unknown field")
    }
}

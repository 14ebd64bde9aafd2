import JSON
import KubernetesClient
import ModelManifests

/// A ValidatingAdmissionPolicy on a real API server: in one namespace it refuses objects of one type whose label `team` is
/// `refusedTeam`.
package struct AdmissionPolicy: Sendable {
    package static let refusedTeam = "forbidden"
    package static let message = "not this team"

    private static let policies = ResourceType(
        group: "admissionregistration.k8s.io", kind: "ValidatingAdmissionPolicy", plural: "validatingadmissionpolicies",
        isNamespaced: false)
    private static let bindings = ResourceType(
        group: "admissionregistration.k8s.io", kind: "ValidatingAdmissionPolicyBinding",
        plural: "validatingadmissionpolicybindings", isNamespaced: false)

    private let namespace: String
    private let type: ResourceType
    private let isForAll: Bool

    /// - Parameter isForAll: refuses all objects, whatever the label is.
    package init(in namespace: String, on type: ResourceType, isForAll: Bool = false) {
        self.namespace = namespace
        self.type = type
        self.isForAll = isForAll
    }

    /// Applies the policy. The server takes some seconds to enforce it.
    package func apply(_ api: KubernetesAPI) async throws {
        try await api.apply(Self.policies, NamespacedName(name: namespace), body: policy.data)
        try await api.apply(Self.bindings, NamespacedName(name: namespace), body: binding.data)
    }

    package static func delete(in namespace: String, _ api: KubernetesAPI) async {
        try? await api.delete(bindings, NamespacedName(name: namespace))
        try? await api.delete(policies, NamespacedName(name: namespace))
    }

    /// - Parameter spec: a valid spec: admission comes after validation.
    /// - Returns: whether the server refuses a dry run of what the policy forbids.
    package func isInForce(_ api: KubernetesAPI, spec: JSONValue? = nil) async -> Bool {
        var probe: JSONValue = [
            "apiVersion": .string(type.apiVersion), "kind": .string(type.kind),
            "metadata": ["name": "probe", "labels": ["team": .string(Self.refusedTeam)]],
        ]
        if let spec { probe[field: "spec"] = spec }
        let request = APIRequest.apply(
            type, NamespacedName(namespace: namespace, name: "probe"), body: probe.data, fieldManager: "probe",
            force: true, isDryRun: true)
        do { _ = try await api.answer(to: request) } catch {
            return (error as? APIError)?.message.contains(Self.message) == true
        }
        return false
    }

    private var policy: JSONValue {
        let expression =
            isForAll
            ? "false"
            : "!has(object.metadata.labels) || !('team' in object.metadata.labels) "
                + "|| object.metadata.labels.team != '\(Self.refusedTeam)'"
        return [
            "apiVersion": .string(Self.policies.apiVersion), "kind": .string(Self.policies.kind),
            "metadata": ["name": .string(namespace)],
            "spec": [
                "failurePolicy": "Fail",
                "matchConstraints": [
                    "namespaceSelector": ["matchLabels": ["kubernetes.io/metadata.name": .string(namespace)]],
                    "resourceRules": [
                        [
                            "apiGroups": [.string(type.group)], "apiVersions": ["*"],
                            "operations": ["CREATE", "UPDATE"], "resources": [.string(type.plural)],
                        ]
                    ],
                ],
                "validations": [["expression": .string(expression), "message": .string(Self.message)]],
            ],
        ]
    }

    private var binding: JSONValue {
        [
            "apiVersion": .string(Self.bindings.apiVersion), "kind": .string(Self.bindings.kind),
            "metadata": ["name": .string(namespace)],
            "spec": ["policyName": .string(namespace), "validationActions": ["Deny"]],
        ]
    }
}

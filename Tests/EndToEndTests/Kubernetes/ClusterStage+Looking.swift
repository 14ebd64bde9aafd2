import Foundation
import JSON
import KubernetesClient
import ModelManifests
import TestSupport

/// What a test reads from the cluster, and what people do with kubectl.
extension ClusterStage {
    struct Event: Equatable {
        var kind: String
        var version: String?
        var message: String
    }

    func key(_ name: String) -> NamespacedName { NamespacedName(namespace: namespace, name: name) }

    /// Nil if there is none.
    func object(_ type: ResourceType, _ name: String) async throws -> JSONValue? {
        do {
            return JSONValue(data: try await api.answer(to: .get(type, key(name))))
        } catch let error as APIError where error.isNotFound {
            return nil
        }
    }

    /// The objects of mlctl in the namespace, as `kind/name`.
    func objects(_ type: ResourceType) async throws -> [JSONValue] {
        let selection = APIRequest.Selection(
            namespace: namespace, labelSelector: type == .modelDeployments ? nil : "app.kubernetes.io/managed-by=mlctl")
        return JSONValue(data: try await api.answer(to: .list(type, selection)))?[field: "items"]?.items ?? []
    }

    func names(_ type: ResourceType) async throws -> [String] {
        try await objects(type).compactMap { $0.value(at: "metadata", "name")?.text }
    }

    /// The names of the objects that are not being deleted.
    func livingPods() async throws -> Set<String> {
        Set(
            try await objects(.pods).filter { $0.value(at: "metadata", "deletionTimestamp") == nil }
                .compactMap { $0.value(at: "metadata", "name")?.text })
    }

    /// The events of the record, oldest first.
    func events() async throws -> [Event] {
        let status = try await object(.modelDeployments, Self.service)?[field: "status"]
        return (status?[field: "events"]?.items ?? []).map {
            Event(
                kind: $0[field: "kind"]?.text ?? "", version: $0[field: "version"]?.text,
                message: $0[field: "message"]?.text ?? "")
        }
    }

    func edit(_ type: ResourceType, _ name: String, _ patch: JSONValue) async throws {
        _ = try await api.answer(
            to: .merge(type, key(name), body: patch.data, fieldManager: "kubectl-edit"))
    }

    static let kinds: [ResourceType] = [
        .modelDeployments, .deployments, .services, .configMaps, .podDisruptionBudgets, .serviceAccounts, .roles,
        .roleBindings, .pods,
    ]

    /// All objects of mlctl that are left, as `plural/name`.
    func leftovers() async throws -> [String] {
        var all: [String] = []
        for type in Self.kinds { all += try await names(type).map { "\(type.plural)/\($0)" } }
        return all
    }

    /// - Parameters:
    ///   - replicas: a number, or `external`.
    ///   - team: the label.
    func manifest(
        _ version: String, marks: URL, rollout: String, replicas: String = "2", team: String = "risk"
    ) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(Self.service), namespace: \(namespace), labels: {team: \(team)}}
        spec:
          model: {version: "\(version)"}
          runtime:
            image: "\(Self.modelImage)"
            env:
            - {name: TEST_MARKS, value: "\(marks.path(percentEncoded: false))"}
            probes:
              readiness: {httpGet: {path: /}, periodSeconds: 1}
            terminationGracePeriod: 2s
          target: {kind: kubernetes}
          drain: {timeout: 30s, streamTimeout: 30s}
          replicas: \(replicas)
          rollout:
        \(rollout)
        """
    }
}

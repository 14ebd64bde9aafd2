import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Checks one cluster: whether it answers, its clock, and the controller's rights.
struct ClusterInspection: Sendable {
    private static let questionsAtOnce = 8

    var api: KubernetesAPI
    var cluster: ClusterSettings

    static func unreachable(_ cluster: ClusterSettings, _ words: String) -> [Finding] {
        [
            .problem(
                .clusterReachable, "cluster '\(cluster.name)': \(words)",
                "Try as the controller's user: kubectl"
                    + "\(cluster.kubeconfig.map { " --kubeconfig \($0)" } ?? "")"
                    + "\(cluster.context.map { " --context \($0)" } ?? "") version"),
            .notLookedAt(.rightsCluster, "cluster '\(cluster.name)' does not answer"),
        ]
    }

    func findings() async -> [Finding] {
        let asked = Date()
        do {
            let response = try await api.transport.send(
                APIRequest(.get, "/version"), timeout: NetworkInspection.callLimit)
            let reached =
                [Finding.ok(.clusterReachable, "cluster '\(cluster.name)' answers")]
                + NetworkInspection.skew(response.date, of: "cluster '\(cluster.name)'", since: asked)
            do {
                return reached + (try await rights())
            } catch {
                let words = (error as? APIError)?.message ?? "\(error)"
                return reached + [.notLookedAt(.rightsCluster, "cluster '\(cluster.name)': \(words)")]
            }
        } catch {
            return Self.unreachable(cluster, (error as? APIError)?.message ?? "\(error)")
        }
    }

    private func rights() async throws -> [Finding] {
        let asked = ClusterRights.needed + ClusterRights.grave + ClusterRights.excessive
        let granted = try await withThrowingTaskGroup(of: (ClusterRights.Right, Bool).self) { group in
            var rest = asked[...]
            func askNext() {
                guard let right = rest.popFirst() else { return }
                group.addTask { (right, try await isAllowed(right)) }
            }
            for _ in 0..<Self.questionsAtOnce { askNext() }
            var granted: Set<ClusterRights.Right> = []
            while let (right, isAllowed) = try await group.next() {
                if isAllowed { granted.insert(right) }
                askNext()
            }
            return granted
        }
        return ClusterRights.findings(
            cluster: cluster.name, granted: granted,
            scope: cluster.namespace.map { "in namespace \($0)" } ?? "in all namespaces")
    }

    private func isAllowed(_ right: ClusterRights.Right) async throws -> Bool {
        let body = try await api.answer(to: Self.question(right, namespace: cluster.namespace))
        return try JSONDecoder().decode(Review.self, from: body).status.allowed
    }

    private struct Review: Decodable {
        struct Status: Decodable { var allowed: Bool }
        var status: Status
    }

    /// A SelfSubjectAccessReview (authorization.k8s.io/v1), which changes nothing.
    static func question(_ right: ClusterRights.Right, namespace: String?) throws -> APIRequest {
        let parts = right.resource.split(separator: "/", maxSplits: 1).map(String.init)
        var attributes = ["verb": right.verb, "group": right.group, "resource": parts[0]]
        if parts.count > 1 { attributes["subresource"] = parts[1] }
        if let name = right.name { attributes["name"] = name }
        if let namespace { attributes["namespace"] = namespace }
        let object: JSONValue = [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": ["resourceAttributes": .object(attributes.mapValues { .string($0) })],
        ]
        return APIRequest(
            .post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", contentType: "application/json",
            body: Data(CanonicalJSON.text(object).utf8))
    }
}

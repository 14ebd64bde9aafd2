import Foundation
import KubernetesClient
import TestSupport

/// A real API server to measure against, named by `MLCTL_TEST_KUBECONFIG`. It should be empty, because other load would
/// be measured too. Its namespaces are left as they are at the end.
struct BenchCluster: Sendable {
    static let variable = "MLCTL_TEST_KUBECONFIG"
    /// The objects of a deployment with router `proxy` and one replica, in the order in which they are written.
    static let kinds: [ResourceType] = [.modelDeployments, .deployments, .services, .configMaps]

    let kubeconfig: String
    let api: KubernetesAPI

    /// - Returns: nil if no cluster is named.
    static func named() throws -> BenchCluster? {
        guard let path = ProcessInfo.processInfo.environment[variable] else { return nil }
        let connection = try Kubeconfig.read(path).connection()
        let transport = try HTTPTransport(connection, http: .http1)
        return BenchCluster(kubeconfig: path, api: KubernetesAPI(transport: transport))
    }

    func install(_ mlctl: URL) async throws {
        let definition = try ChildProcess.run([mlctl.path(percentEncoded: false), "schema", "--crd"])
        try await api.apply(
            .customResourceDefinitions, NamespacedName(namespace: nil, name: "modeldeployments.mlctl.dev"),
            body: Data(definition.utf8))
        let end = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < end {
            if (try? await count(.modelDeployments, in: "default")) != nil { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw BenchmarkError("ModelDeployments are not served after 30 s")
    }

    func makeNamespaces(_ count: Int) async throws -> [String] {
        var names: [String] = []
        for _ in 0..<count { names.append(try await makeNamespace()) }
        return names
    }

    func makeNamespace() async throws -> String {
        let name = "bench-\(UUID().uuidString.prefix(8).lowercased())"
        let body = #"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "\#(name)"}}"#
        try await api.apply(.namespaces, NamespacedName(namespace: nil, name: name), body: Data(body.utf8))
        return name
    }

    /// The number of objects there, from a request for one object.
    func count(_ type: ResourceType, in namespace: String) async throws -> Int {
        struct Page: Decodable {
            struct Metadata: Decodable { var remainingItemCount: Int? }
            struct Item: Decodable {}
            var metadata: Metadata
            var items: [Item]?
        }
        let request = APIRequest.list(type, .init(namespace: namespace), limit: 1).metadataOnly
        let page = try JSONDecoder().decode(Page.self, from: try await api.answer(to: request))
        return (page.items?.count ?? 0) + (page.metadata.remainingItemCount ?? 0)
    }

    /// As JSON objects.
    func objects(_ type: ResourceType, in namespace: String) async throws -> [AppliedFields.Fields] {
        var all: [AppliedFields.Fields] = []
        var next: String?
        repeat {
            let request = APIRequest.list(type, .init(namespace: namespace), limit: 500, continuing: next)
            let answer = try await api.answer(to: request)
            let page = try JSONSerialization.jsonObject(with: answer) as? AppliedFields.Fields
            // Items in a list of a built-in type do not contain their type.
            all += (page?["items"] as? [AppliedFields.Fields] ?? []).map {
                $0.merging(["apiVersion": type.apiVersion, "kind": type.kind]) { own, _ in own }
            }
            let metadata = page?["metadata"] as? AppliedFields.Fields
            next = (metadata?["continue"] as? String).flatMap { $0.isEmpty ? nil : $0 }
        } while next != nil
        return all
    }

    func until(_ what: String, limit: Duration = .seconds(600), _ isMet: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try await isMet() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw BenchmarkError("waited \(limit) in vain: \(what)")
    }

    static let notNamed = [
        Figure(
            what: "against a real API server", goal: "-", measured: "not run: \(variable) names no cluster",
            isMet: true)
    ]
}

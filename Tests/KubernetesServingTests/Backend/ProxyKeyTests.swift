import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

/// Runs over the model of the API server and, if `MLCTL_TEST_KUBECONFIG` names one, over a real one.
@Suite("The key of a namespace's request ids")
struct ProxyKeyTests {
    private static let stories: [ClusterStory] = [
        .init("kept", KeyStory.kept), .init("lost", KeyStory.lost), .init("broken", KeyStory.broken),
        .init("given", KeyStory.given),
        .init("foreign", KeyStory.foreign), .init("gone", KeyStory.gone),
    ]

    @Test("over the model of the API server", arguments: stories)
    func model(story: ClusterStory) async throws { try await TestCluster.with(.model, story.tell) }

    @Test(
        "over a real API server", .enabled(if: TestCluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"),
        arguments: stories)
    func real(story: ClusterStory) async throws { try await TestCluster.with(.real, story.tell) }

    @Test("only its hash is ever shown")
    func fingerprint() throws {
        let key = try #require(ProxyKey(Array(0..<16)))
        let other = try #require(ProxyKey(Array(1...16)))
        #expect(key.fingerprint.count == 16)
        #expect(key.fingerprint != other.fingerprint)
        #expect(key.fingerprint == ProxyKey(Array(0..<16))?.fingerprint)
        #expect(ProxyKey(Array(0..<15)) == nil)
    }

    @Test("without the right to read it everything but the proxies is applied, and the missing right is named")
    func forbidden() async throws {
        try await TestCluster.with(.model) { cluster in
            let refusing = TestCluster(
                kind: .model, transport: CountingTransport(SecretsForbidden(inner: cluster.transport)),
                model: cluster.model, namespace: cluster.namespace)
            let backend = ClusterBackend(api: refusing.api, owners: NoOwners(), settings: Sample.settings)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await backend.run() }
                let plan = Sample.plan([(Sample.one, 1, 100)], key: cluster.key())
                try await refusing.wait(
                    until: {
                        try? await backend.apply(plan)
                        return try await refusing.object(.configMaps, "fraud-route") != nil
                    }, "the route is written")
                let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(plan) }
                #expect(error?.message.contains("secrets") == true, "\(String(describing: error))")
                #expect(try await refusing.object(.deployments, "fraud-1111111111") != nil)
                #expect(try await refusing.object(.deployments, "mlctl-proxy") == nil)
                group.cancelAll()
            }
        }
    }
}

/// An API server that refuses access to Secrets.
private struct SecretsForbidden: KubernetesTransport {
    let inner: any KubernetesTransport

    private static let refusal = Data(
        #"{"kind":"Status","status":"Failure","reason":"Forbidden","code":403,"message":"secrets is forbidden"}"#.utf8)

    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        guard request.path.contains("/secrets") else { return try await inner.send(request, timeout: timeout) }
        return APIResponse(code: 403, body: Self.refusal)
    }

    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
        guard request.path.contains("/secrets") else { return try await inner.lines(request, idleTimeout: idleTimeout) }
        throw APIError.answer(code: 403, body: Self.refusal, request: request)
    }
}

private enum KeyStory {
    static let name = "mlctl-proxy-key"

    static func bytes(_ cluster: TestCluster) async throws -> String? {
        try await cluster.object(.secrets, name)?["data"]?["request-id-key"]?.text
    }

    static func annotation(_ cluster: TestCluster) async throws -> String? {
        try await cluster.object(.deployments, "mlctl-proxy")?["spec"]?["template"]?["metadata"]?["annotations"]?[
            ObjectAnnotations.requestIdKey]?.text
    }

    static func plan(_ cluster: TestCluster) -> ServingPlan {
        Sample.plan([(Sample.one, 1, 100)], key: cluster.key())
    }

    static func create(_ data: [String: String], _ cluster: TestCluster) async throws {
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": .string(name)], "data": .strings(data),
        ]
        let request = APIRequest.create(
            .secrets, namespace: cluster.namespace, body: secret.jsonData, fieldManager: "kubectl-create")
        _ = try await KubernetesAPI(transport: cluster.transport.uncounted).answer(to: request)
    }

    /// It is created once; later deployments and controllers use the same.
    @Sendable static func kept(_ cluster: TestCluster) async throws {
        let first = try await cluster.withBackend { backend in
            #expect(try await backend.requestIdKey(in: cluster.namespace) == nil)
            try await cluster.settle(backend, plan(cluster))
            return try await backend.requestIdKey(in: cluster.namespace)
        }
        #expect(first != nil)
        let text = try #require(try await bytes(cluster))
        let stored = RequestIdentityKey(Array(Data(base64Encoded: text) ?? Data()))
        #expect(stored == first)
        try await cluster.withBackend { backend in
            #expect(try await backend.requestIdKey(in: cluster.namespace) == first)
            try await cluster.settle(backend, plan(cluster), writes: 0)
            try await cluster.settle(backend, Sample.plan([(Sample.two, 1, 100)], key: cluster.key("second")))
        }
        #expect(try await bytes(cluster) == text)
        let writes = cluster.transport.writes.filter { $0.path.contains("/secrets") }
        #expect(writes.map(\.method.rawValue) == ["PATCH"], "made once")
        let others = cluster.transport.writes.filter { !$0.path.contains("/secrets") }
        let tellers = others.filter { String(decoding: $0.body ?? Data(), as: UTF8.self).contains(text) }
        #expect(tellers.isEmpty)
    }

    /// After a deletion it is created again, and the proxies restart with the new one.
    @Sendable static func lost(_ cluster: TestCluster) async throws {
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan(cluster))
            let before = try await backend.requestIdKey(in: cluster.namespace)
            let annotated = try await annotation(cluster)
            #expect(annotated != nil)
            try await KubernetesAPI(transport: cluster.transport.uncounted).delete(
                .secrets, NamespacedName(namespace: cluster.namespace, name: name))
            try await cluster.wait(
                until: { try await backend.requestIdKey(in: cluster.namespace) == nil }, "the deletion is seen")
            // The key, and the Deployment that must read it.
            try await cluster.settle(backend, plan(cluster), writes: 2)
            #expect(try await backend.requestIdKey(in: cluster.namespace) != before)
            #expect(try await annotation(cluster) != annotated)
        }
    }

    /// A key that somebody made unusable is restored.
    @Sendable static func broken(_ cluster: TestCluster) async throws {
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan(cluster))
            try await cluster.edit(.secrets, name, ["data": ["request-id-key": "c2hvcnQ="]])
            try await cluster.wait(
                until: { try await backend.requestIdKey(in: cluster.namespace) == nil }, "the edit is seen")
            try await cluster.settle(backend, plan(cluster), writes: 2)
            let text = try #require(try await bytes(cluster))
            #expect(Data(base64Encoded: text)?.count == 16)
        }
    }

    /// A key that somebody else stored there is used and left alone.
    @Sendable static func given(_ cluster: TestCluster) async throws {
        let own = Data((0..<16).map { UInt8($0) })
        try await create(["request-id-key": own.base64EncodedString()], cluster)
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan(cluster))
            #expect(try await backend.requestIdKey(in: cluster.namespace) == RequestIdentityKey(Array(own)))
            try await remove(backend, cluster)
        }
        #expect(try await bytes(cluster) == own.base64EncodedString())
        let writes = cluster.transport.writes.filter { $0.path.contains("/secrets") }
        #expect(writes.isEmpty)
    }

    /// A Secret of that name that belongs to others stays as it is; everything but the proxies is applied.
    @Sendable static func foreign(_ cluster: TestCluster) async throws {
        try await create(["theirs": "eA=="], cluster)
        try await cluster.withBackend { backend in
            let plan = plan(cluster)
            let error = await #expect(throws: ClusterServingError.self) { try await backend.apply(plan) }
            #expect(error?.code == .foreignObject)
            #expect(error?.message.contains("request-id-key") == true)
            let route = try await cluster.object(.configMaps, "fraud-route")
            #expect(route != nil)
            #expect(try await cluster.object(.deployments, "fraud-1111111111") != nil)
            #expect(try await cluster.object(.deployments, "mlctl-proxy") == nil)
        }
        #expect(try await cluster.object(.secrets, name)?["data"] == ["theirs": "eA=="])
    }

    /// It is deleted with the last proxy of the namespace.
    @Sendable static func gone(_ cluster: TestCluster) async throws {
        try await cluster.withBackend { backend in
            try await cluster.settle(backend, plan(cluster))
            try await remove(backend, cluster)
            try await cluster.wait(
                until: { try await cluster.object(.secrets, name) == nil }, "the key is gone")
        }
    }

    private static func remove(_ backend: ClusterBackend, _ cluster: TestCluster) async throws {
        try await cluster.wait(
            until: {
                try await backend.apply(ServingPlan(deployment: cluster.key()))
                return try await cluster.object(.deployments, "mlctl-proxy") == nil
            }, "the proxy is gone")
    }
}

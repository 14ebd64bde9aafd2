import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Synchronization
import TestSupport
import Testing

@testable import KubernetesServing

/// A cluster for a backend: the model of the API server, or a real one.
struct TestCluster: Sendable {
    enum Kind: String, Sendable { case model, real }

    static let kubeconfig = ProcessInfo.processInfo.environment["MLCTL_TEST_KUBECONFIG"]
    static let patience = Duration.seconds(30)

    let kind: Kind
    let transport: CountingTransport
    let model: ModelTransport?
    let namespace: String

    var api: KubernetesAPI { KubernetesAPI(transport: transport) }

    func key(_ name: String = "fraud") -> DeploymentKey { DeploymentKey(namespace: namespace, name: name) }

    /// In a namespace of its own, which is deleted afterwards.
    static func with(_ kind: Kind, _ body: @Sendable (TestCluster) async throws -> Void) async throws {
        let namespace = "k-serving-\(UUID().uuidString.lowercased().prefix(8))"
        switch kind {
        case .model:
            let now = Date(timeIntervalSince1970: 1_800_000_000)
            let model = ModelTransport(APIServerModel(namespaces: [namespace], now: now), now: { now })
            try await body(
                TestCluster(kind: kind, transport: CountingTransport(model), model: model, namespace: namespace))
        case .real:
            let transport = try HTTPTransport(Kubeconfig.read(kubeconfig).connection())
            let cluster = TestCluster(
                kind: kind, transport: CountingTransport(transport), model: nil, namespace: namespace)
            let named: JSONValue = [
                "apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)],
            ]
            try await cluster.api.create(.namespaces, namespace: nil, body: named.jsonData)
            do {
                try await body(cluster)
            } catch {
                try? await cluster.api.delete(.namespaces, NamespacedName(name: namespace))
                throw error
            }
            try await cluster.api.delete(.namespaces, NamespacedName(name: namespace))
        }
    }

    /// A backend that watches the cluster while `body` runs.
    @discardableResult
    func withBackend<Result: Sendable>(
        owners: any DeploymentOwners = NoOwners(), settings: ClusterServingSettings = Sample.settings,
        _ body: @Sendable (ClusterBackend) async throws -> Result
    ) async throws -> Result {
        let backend = ClusterBackend(api: api, owners: owners, settings: settings)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                await backend.run()
                return nil
            }
            defer { group.cancelAll() }
            try await backend.waitUntilSynced(timeout: Self.patience)
            return try await body(backend)
        }
    }

    /// Waits until the condition holds: caches follow with a delay.
    func wait(until isSo: @Sendable () async throws -> Bool, _ what: String) async throws {
        let deadline = ContinuousClock.now + Self.patience
        while try await !isSo() {
            guard ContinuousClock.now < deadline else { throw ConditionNotMet(what: what) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Applies until there is nothing left to write.
    /// - Returns: the number of writes.
    @discardableResult
    func settle(_ backend: ClusterBackend, _ plan: ServingPlan) async throws -> Int {
        let before = transport.writes.count
        let deadline = ContinuousClock.now + Self.patience
        // Until the caches have seen a write it is not repeated, so wait for them: only then does a pass without a write count.
        while true {
            let seen = await backend.hasSeenItsWrites
            let last = transport.writes.count
            try await backend.apply(plan)
            if seen, transport.writes.count == last { break }
            guard ContinuousClock.now < deadline else { throw ConditionNotMet(what: "a pass without a write") }
            try await Task.sleep(for: .milliseconds(5))
        }
        return transport.writes.count - before
    }

    /// The same, with an expected number of writes.
    func settle(
        _ backend: ClusterBackend, _ plan: ServingPlan, writes: Int, _ what: String = "",
        location: SourceLocation = #_sourceLocation
    ) async throws {
        let before = transport.writes.count
        let count = try await settle(backend, plan)
        let paths = transport.writes.dropFirst(before).map { "\($0.method.rawValue) \($0.path)" }
        #expect(count == writes, "\(what): \(paths)", sourceLocation: location)
    }

    /// A minimal Gateway API: the schema is open.
    func installGatewayAPI() async throws {
        let open: JSONValue = ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
        let definition: JSONValue = [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": "httproutes.gateway.networking.k8s.io"],
            "spec": [
                "group": "gateway.networking.k8s.io", "scope": "Namespaced",
                "names": ["plural": "httproutes", "singular": "httproute", "kind": "HTTPRoute"],
                "versions": [
                    [
                        "name": "v1", "served": true, "storage": true, "schema": ["openAPIV3Schema": open],
                        "subresources": ["status": .object([:])],
                    ]
                ],
            ],
        ]
        try await KubernetesAPI(transport: transport.uncounted).create(
            .customResourceDefinitions, namespace: nil, body: definition.jsonData)
    }

    /// The cluster's own definition, or the open one.
    func hasGatewayAPI() async throws -> Bool {
        let answer = try await transport.uncounted.send(
            .list(.httpRoutes, .init(namespace: namespace), limit: 1), timeout: Self.patience)
        return answer.code == 200
    }

    /// A patch by somebody with kubectl.
    func edit(_ type: ResourceType, _ name: String, _ patch: JSONValue) async throws {
        let request = APIRequest.merge(
            type, NamespacedName(namespace: namespace, name: name), body: patch.jsonData, fieldManager: "kubectl-edit")
        _ = try await transport.uncounted.answerTo(request)
    }

    /// A status from a kubelet.
    func editStatus(_ type: ResourceType, _ name: String, _ patch: JSONValue) async throws {
        let request = APIRequest.merge(
            type, NamespacedName(namespace: namespace, name: name), body: patch.jsonData, fieldManager: "kubelet",
            subresource: "status")
        _ = try await transport.uncounted.answerTo(request)
    }

    /// A status from a gateway's controller that has accepted the route.
    func acceptRoute(_ name: String = "fraud") async throws {
        let generation = try await object(.httpRoutes, name)?["metadata"]?["generation"] ?? 1
        let parent: JSONValue = [
            "controllerName": "example.com/gateway",
            "parentRef": ["name": "web", "namespace": "infra"],
            "conditions": [
                [
                    "type": "Accepted", "status": "True", "reason": "Accepted", "message": "",
                    "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
                ]
            ],
        ]
        try await editStatus(.httpRoutes, name, ["status": ["parents": [parent]]])
    }

    /// A change by an autoscaler.
    func scale(_ name: String, to replicas: Int, by manager: String = "kube-controller-manager") async throws {
        let request = APIRequest.merge(
            .deployments, NamespacedName(namespace: namespace, name: name),
            body: JSONValue.object(["spec": ["replicas": .integer(replicas)]]).jsonData, fieldManager: manager,
            subresource: "scale")
        _ = try await transport.uncounted.answerTo(request)
    }

    func object(_ type: ResourceType, _ name: String) async throws -> JSONValue? {
        let response = try await transport.uncounted.send(
            .get(type, NamespacedName(namespace: namespace, name: name)), timeout: Self.patience)
        guard response.code == 200 else { return nil }
        return try JSONDecoder().decode(JSONValue.self, from: response.body)
    }

    /// Makes the pods of a revision ready, as a kubelet would.
    func readyPods() async throws {
        if let model {
            for _ in 0..<4 { await model.step() }
            return
        }
    }
}

struct ConditionNotMet: Error {
    var what: String
}

struct NoOwners: DeploymentOwners {
    func owner(of deployment: DeploymentKey) async throws -> OwnerReference? { nil }
}

/// Remembers the writes, and their answers.
final class CountingTransport: KubernetesTransport {
    let uncounted: any KubernetesTransport
    private let written = Mutex<[APIRequest]>([])
    private let cut = Mutex<Cut?>(nil)

    /// The connection breaks at one write and stays broken.
    struct Cut: Sendable {
        /// The number of writes that still arrive.
        var after: Int
        /// Whether the next one takes effect too; its answer is lost.
        var lastTakesEffect: Bool
    }

    init(_ uncounted: any KubernetesTransport) { self.uncounted = uncounted }

    var writes: [APIRequest] { written.withLock { $0 } }

    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        guard request.method != .get else { return try await uncounted.send(request, timeout: timeout) }
        let fate = cut.withLock { cut -> (arrives: Bool, answers: Bool) in
            guard var current = cut else { return (true, true) }
            current.after -= 1
            cut = current
            return (current.after >= 0 || (current.after == -1 && current.lastTakesEffect), current.after >= 0)
        }
        if fate.arrives {
            let answer = try await uncounted.send(request, timeout: timeout)
            if answer.code < 300 { written.withLock { $0.append(request) } }
            if fate.answers { return answer }
        }
        throw APIError(.transport, message: "connection reset by peer")
    }

    /// - Parameter cut: nil: the connection works.
    func set(_ cut: Cut?) { self.cut.withLock { $0 = cut } }

    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
        try await uncounted.lines(request, idleTimeout: idleTimeout)
    }
}

extension KubernetesTransport {
    fileprivate func answerTo(_ request: APIRequest) async throws -> Data {
        try await KubernetesAPI(transport: self).answer(to: request)
    }
}

extension ClusterBackend {
    /// The last write of every object has come back through the watch.
    var hasSeenItsWrites: Bool { ledger.unseen { views.live($0) }.isEmpty }
}

import ControlPorts
import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import Synchronization
import TestSupport
import Testing

@testable import KubernetesServing

/// A store over the model of an API server, and over a real one if `MLCTL_TEST_KUBECONFIG` names it, in a namespace of its
/// own.
final class StoreRig: Sendable {
    enum Kind: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case model = "the model"
        case real = "a real API server"

        var testDescription: String { rawValue }

        static let kubeconfig = ProcessInfo.processInfo.environment["MLCTL_TEST_KUBECONFIG"]
        static var available: [Kind] { kubeconfig == nil ? [.model] : [.model, .real] }
    }

    static let now = ClusterStoreTests.now
    static let waitLimit = Duration.seconds(45)
    /// The label value that the policy of `refuse` refuses.
    static let refusedTeam = AdmissionPolicy.refusedTeam

    let kind: Kind
    let namespace: String
    let transport: any KubernetesTransport
    let model: ModelTransport?
    let archive = InMemoryStateStore()
    private let time = Mutex(Duration.zero)

    private init(_ kind: Kind, _ namespace: String, _ transport: any KubernetesTransport, model: ModelTransport?) {
        self.kind = kind
        self.namespace = namespace
        self.transport = transport
        self.model = model
    }

    static func with(_ kind: Kind, _ body: (StoreRig) async throws -> Void) async throws {
        let namespace = "store-\(UUID().uuidString.lowercased().prefix(8))"
        let trial: StoreRig
        switch kind {
        case .model:
            let model = ModelTransport(APIServerModel(now: now)) { now }
            trial = StoreRig(kind, namespace, model, model: model)
        case .real:
            let connection = try Kubeconfig.read(Kind.kubeconfig).connection()
            trial = StoreRig(kind, namespace, try HTTPTransport(connection), model: nil)
        }
        try await trial.prepare()
        do {
            try await body(trial)
            try await trial.end()
        } catch {
            try? await trial.end()
            throw error
        }
    }

    private func prepare() async throws {
        let definition = CustomResourceDefinition.modelDeployment.jsonData
        try await api.apply(
            .customResourceDefinitions, NamespacedName(name: "modeldeployments.mlctl.dev"), body: definition)
        let object: JSONValue = [
            "apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)],
        ]
        try await api.create(.namespaces, namespace: nil, body: object.jsonData)
        try await eventually("the type is served") {
            (try? await api.answer(to: .list(.modelDeployments, .init(namespace: namespace)))) != nil
        }
    }

    private func end() async throws {
        await allow()
        if let object = try await api.get(ModelDeploymentObject.self, key.objectKey), object.isHeld {
            _ = try? await edit(["metadata": ["finalizers": .null]])
        }
        try await api.delete(.namespaces, NamespacedName(name: namespace))
    }

    var api: KubernetesAPI { KubernetesAPI(transport: transport) }
    var key: DeploymentKey { DeploymentKey(namespace: namespace, name: "model") }

    func store(adoptsRecords: Bool = false) -> ClusterStore {
        ClusterStore(
            api: api, identity: RegisterIdentity(controller: "mlctl", source: "repo"), namespace: namespace,
            recordKey: .sample, adoptsRecords: adoptsRecords, archive: archive,
            now: { Self.now }, clock: { self.time.withLock { $0 } },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func advance(by duration: Duration) { time.withLock { $0 += duration } }

    func announcement(_ version: String = "1", labels: [String: String] = ["team": "risk"]) -> PublishedManifest {
        PublishedManifest(
            deployment: key, labels: labels,
            spec:
                #"{"model":{"version":"\#(version)"},"replicas":2,"runtime":{"image":"example/model:1"},"target":{"kind":"kubernetes"}}"#,
            commit: "c\(version)")
    }

    func status(_ message: String = "all is well", quarantined: [QuarantineStatus] = []) -> DeploymentStatus {
        DeploymentStatus(
            namespace: namespace, name: key.name, phase: .healthy, since: Self.now, message: message,
            quarantined: quarantined,
            conditions: [Condition(type: "Ready", status: "True", reason: "Healthy", message: message)])
    }

    // MARK: - Observing, and changes by hand

    func object() async throws -> JSONValue {
        try JSONValue(parsing: try await api.answer(to: .get(.modelDeployments, key.objectKey)))
    }

    /// A change as the watch of a store reports it.
    func tell(_ store: ClusterStore) async throws {
        let body = try await api.answer(to: .get(.modelDeployments, key.objectKey))
        await store.follow(try JSONDecoder().decode(ModelDeploymentObject.self, from: body))
    }

    func edit(_ patch: JSONValue, subresource: String? = nil) async throws {
        try await api.merge(.modelDeployments, key.objectKey, body: patch.jsonData, subresource: subresource)
    }

    /// Removes the status, as an object from a backup tool has none.
    func wipeStatus() async throws {
        var object = try await object()
        object[field: "status"] = nil
        object.set(nil, at: "metadata", "managedFields")
        try await api.replace(.modelDeployments, key.objectKey, body: object.jsonData, subresource: "status")
    }

    func eventually(_ what: String, _ isSo: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + Self.waitLimit
        while !(try await isSo()) {
            guard ContinuousClock.now < deadline else { throw ConditionNotMet(what: what) }
            await model?.step()
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    // MARK: - Refusals of the cluster

    /// From now on refuses objects of a type whose label `team` is `refusedTeam`, or all of them if `all` is set.
    func refuse(_ type: ResourceType = .modelDeployments, all: Bool = false) async throws {
        guard model == nil else {
            await model?.update {
                $0.refusals.webhooks = [
                    .init(name: "policy.example.com", type: type, message: AdmissionPolicy.message) {
                        all || $0.value(at: "metadata", "labels", "team")?.asString == Self.refusedTeam
                    }
                ]
            }
            return
        }
        let policy = AdmissionPolicy(in: namespace, on: type, isForAll: all)
        try await policy.apply(api)
        let spec =
            type == .modelDeployments ? try JSONValue(parsing: Data(announcement().spec.utf8)) : nil
        try await eventually("the policy is in force") { await policy.isInForce(api, spec: spec) }
    }

    func allow() async {
        await model?.update { $0.refusals = Refusals() }
        guard model == nil else { return }
        await AdmissionPolicy.delete(in: namespace, api)
    }
}

struct OwnedMap: KubernetesObject {
    static let resource = ResourceType.configMaps
    var metadata: ObjectMetadata
}

extension JSONValue {
    var asString: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var first: JSONValue? {
        if case .array(let items) = self { items.first } else { nil }
    }

    var asNumber: Int? {
        if case .integer(let number) = self { number } else { nil }
    }
}

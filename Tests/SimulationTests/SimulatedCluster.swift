import ControlPorts
import Controller
import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import Rollouts
import Synchronization
import TestSupport

@testable import KubernetesServing

extension RecordSeal {
    fileprivate static let sample = random()
}

extension RecordKey {
    /// The same for all controllers of the simulation.
    fileprivate static let sample = RecordKey(RecordSeal.sample)
}

/// The model of an API server with the cluster's own controllers, a git repository whose commits are set directly, and
/// mlctl controllers that run one after the other.
struct SimulatedCluster {
    static let key = DeploymentKey(namespace: "test", name: "model")
    static let tick: Duration = .milliseconds(25)
    /// A controller that has not finished by then has failed.
    static let patience: Duration = .seconds(30)

    let transport: ModelTransport
    let source: ScriptedSource
    let archive = InMemoryStateStore()
    private let manifest: @Sendable (_ version: String) -> String

    /// - Parameters:
    ///   - gpuCount: the number of GPUs in the cluster. Nil: unlimited.
    ///   - manifest: the manifest in git for a version.
    init(
        version: String, gpuCount: Int? = nil,
        manifest: @escaping @Sendable (_ version: String) -> String = { SimulatedCluster.manifest($0) }
    ) async throws {
        var settings = APIServerModel.Settings()
        settings.gpuCount = gpuCount
        transport = ModelTransport(APIServerModel(namespaces: ["test"], now: Date(), settings: settings)) { Date() }
        self.manifest = manifest
        source = ScriptedSource(Self.snapshot(version, manifest(version)))
        let definition = Data(CanonicalJSON.text(CustomResourceDefinition.modelDeployment).utf8)
        try await KubernetesAPI(transport: transport).create(
            .customResourceDefinitions, namespace: nil, body: definition)
        await transport.forgetLog()
    }

    /// - Parameter extra: additional lines of the spec.
    static func manifest(
        _ version: String, name: String = "model", replicas: Int = 2,
        rollout: String = "{steps: [{setWeight: 50}, {setWeight: 100}], gates: []}", extra: String = ""
    ) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: test}
        spec:
          model: {version: "\(version)"}
          runtime: {image: "example/model:1"}
          target: {kind: kubernetes}
          replicas: \(replicas)
          rollout: \(rollout)
          \(extra)
        """
    }

    private static func snapshot(_ commit: String, _ text: String) -> ManifestSnapshot {
        ManifestSnapshot(commit: "c\(commit)", files: ["a.yaml": ManifestFile(blob: commit, text: text)])
    }

    func commit(_ version: String) async { await source.commit(Self.snapshot(version, manifest(version))) }

    /// - Parameter commit: sorts after the earlier ones.
    func commit(_ commit: String, text: String) async { await source.commit(Self.snapshot(commit, text)) }

    // MARK: - Lives of a controller

    /// Runs one controller from its start to its end. It is killed after a number of requests or writes took effect, or
    /// when `isOver` returns true.
    ///
    /// - Returns: false if neither happened in time.
    func live(
        requests: Int? = nil, writes: Int? = nil, until isOver: @escaping @Sendable () async -> Bool
    ) async -> Bool {
        let transport = KillableTransport(transport, left: writes ?? requests, countsReads: writes == nil)
        let api = KubernetesAPI(transport: transport)
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        let store = ClusterStore(
            api: api, identity: RegisterIdentity(controller: "mlctl", source: "simulation"), recordKey: .sample,
            archive: archive,
            now: { Date() }, logger: logger)
        let backend = ClusterBackend(api: api, owners: store, logger: logger)
        let controller = Controller(
            configuration: ControllerConfiguration(
                interval: .seconds(3600), restingInterval: .milliseconds(100)),
            with: ControllerCollaborators(
                source: source,
                sites: SiteDirectory(clusters: [
                    "sim": Site(
                        backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(), register: store)
                ]), trail: archive, now: { Date() }),
            logger: logger)
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await backend.run() }
            group.addTask { try? await controller.run() }
            var hasEnded = false
            let deadline = ContinuousClock.now + Self.patience
            while !hasEnded, ContinuousClock.now < deadline {
                await self.transport.step()
                hasEnded = transport.isDead
                if !hasEnded { hasEnded = await isOver() }
                try? await ContinuousClock().sleep(for: Self.tick)
            }
            transport.die()
            group.cancelAll()
            return hasEnded
        }
    }

    // MARK: - Checks

    /// Whether the version serves alone, with all that it needs and nothing more, and the record says so.
    func isAsWanted(_ version: String, replicas: Int = 2) async -> Bool {
        await differences(from: version, replicas: replicas).isEmpty
    }

    /// The differences from what git wants.
    func differences(from version: String, replicas: Int = 2) async -> [String] {
        var differences: [String] = []
        func check(_ isSo: Bool, _ what: String) { if !isSo { differences.append(what) } }
        let deployment = await deployment()
        let status = deployment?["status"]
        check(status?["phase"] == "Healthy", "phase \(String(describing: status?["phase"]))")
        check(status?["stable"]?["version"] == .string(version), "another stable")
        check(status?["candidate"] == nil, "a candidate")
        let workloads = await objects(.deployments).filter {
            $0["metadata"]?["labels"]?[ObjectLabels.deployment] == "model"
        }
        check(workloads.count == 1, "\(workloads.count) workloads")
        for workload in workloads {
            check(workload["spec"]?["replicas"] == .integer(replicas), "replicas")
            check(workload["status"]?["readyReplicas"] == .integer(replicas), "ready replicas")
            // Deleting the ModelDeployment in the foreground would also delete the objects that it owns.
            check(workload["metadata"]?["ownerReferences"] == nil, "an owner")
        }
        return differences
    }

    /// Puts a revision into quarantine, as in the record.
    func quarantine(_ revision: String) async throws {
        let quarantine: JSONValue = ["revision": .string(revision), "version": "0", "reason": "it failed", "at": 0]
        let state = await state.merging(["quarantined": [quarantine]])
        let text = CanonicalJSON.text(state)
        guard case .string(let uid)? = await uid else { return }
        let seal = RecordSeal.sample.seal(.record(Self.key, uid: uid, version: await recordVersion, state: text))
        let body: JSONValue = ["status": ["record": ["state": .string(text), "seal": .string(seal)]]]
        try await KubernetesAPI(transport: transport).merge(
            .modelDeployments, NamespacedName(namespace: "test", name: "model"),
            body: Data(CanonicalJSON.text(body).utf8),
            subresource: "status")
    }

    func isQuarantined(_ revision: String) async -> Bool {
        guard case .array(let entries)? = await state["quarantined"] else { return false }
        return entries.contains { $0["revision"] == .string(revision) }
    }

    private var state: JSONValue {
        get async {
            guard case .string(let text)? = await record?["state"] else { return .null }
            return (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .null
        }
    }

    private var record: JSONValue? {
        get async { await objects(.modelDeployments).first?["status"]?["record"] }
    }

    /// The number of swaps of the record.
    var recordVersion: Int {
        get async { if case .integer(let version)? = await record?["version"] { version } else { 0 } }
    }

    var uid: JSONValue? { get async { await objects(.modelDeployments).first?["metadata"]?["uid"] } }

    /// A person deletes the ModelDeployment.
    func delete() async throws {
        try await KubernetesAPI(transport: transport).delete(
            .modelDeployments, NamespacedName(namespace: "test", name: "model"))
    }

    /// The ConfigMaps of the deployment.
    var configMaps: [String] {
        get async {
            await objects(.configMaps).compactMap { map in
                guard map["metadata"]?["labels"]?[ObjectLabels.deployment] == "model",
                    case .string(let name)? = map["metadata"]?["name"]
                else { return nil }
                return name
            }
        }
    }

    /// How often something was started, according to the record.
    func events(_ kind: RolloutEvent.Kind) async -> Int {
        guard case .array(let events)? = await status()?["events"]
        else { return 0 }
        return events.count { $0["kind"] == .string(kind.rawValue) }
    }

    private func deployment(_ name: String = key.name) async -> JSONValue? {
        await objects(.modelDeployments).first { $0["metadata"]?["name"] == .string(name) }
    }

    func status(of name: String = key.name) async -> JSONValue? { await deployment(name)?["status"] }

    private func objects(_ type: ResourceType) async -> [JSONValue] {
        let body = await transport.update { $0.handle(.list(type), now: Date()).body }
        guard case .array(let items)? = try? JSONDecoder().decode(JSONValue.self, from: body)["items"] else {
            return []
        }
        return items
    }
}

/// The requests of a controller that is killed: a limited number of requests. The last one takes effect, but gets no
/// answer.
final class KillableTransport: KubernetesTransport {
    private let inner: ModelTransport
    private let countsReads: Bool
    private let left: Mutex<Int?>

    /// - Parameters:
    ///   - left: the number of requests. Nil: the controller is not killed.
    ///   - countsReads: whether reads count, or only writes.
    init(_ inner: ModelTransport, left: Int?, countsReads: Bool = true) {
        self.inner = inner
        self.countsReads = countsReads
        self.left = Mutex(left)
    }

    var isDead: Bool { left.withLock { $0 == 0 } }
    func die() { left.withLock { $0 = 0 } }

    /// - Returns: whether the answer is still received. Nil: the request is not sent.
    private func take(isRead: Bool) -> Bool? {
        left.withLock { left in
            guard let count = left else { return true }
            guard count > 0 else { return nil }
            guard countsReads || !isRead else { return true }
            left = count - 1
            return count > 1
        }
    }

    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        guard let isHeard = take(isRead: request.method == .get) else { throw Self.dead }
        let response = try await inner.send(request, timeout: timeout)
        guard isHeard else { throw Self.dead }
        return response
    }

    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
        guard take(isRead: true) == true else { throw Self.dead }
        return try await inner.lines(request, idleTimeout: idleTimeout)
    }

    private static let dead = APIError(.transport, message: "killed")
}

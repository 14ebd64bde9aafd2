import ControlPorts
import Controller
import Foundation
import KubernetesClient
import Logging
import ModelManifests
import Rollouts
import TestSupport

@testable import KubernetesServing

/// The real controller over the model of an API server. Tests read its status, as an engineer on call does.
struct FaultyCluster: Sendable {
    static let key = DeploymentKey(namespace: "test", name: "model")
    static let patience = Duration.seconds(45)
    private static let tick = Duration.milliseconds(20)

    let transport: ModelTransport
    let source: ScriptedSource
    let backend: ClusterBackend
    private let controller: Controller
    /// The first controller runs the cluster's own parts.
    private let isFirst: Bool
    /// The manifest's `spec.rollout`.
    private let rollout: String
    static let quickly = "{steps: [{setWeight: 50}, {setWeight: 100}], gates: []}"
    /// Waits for an approval at 50 %.
    static let held = "{steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}], gates: []}"

    /// - Parameters:
    ///   - version: the version that git wants; empty: none.
    ///   - name: the controller's name.
    ///   - repository: the repository that the controller follows.
    ///   - clockOffSeconds: how far the controller's clock is ahead of the server's.
    ///   - namespace: the only namespace that it watches; nil: all.
    ///   - recordKey: nil: the same for all tests.
    ///   - over: another controller's cluster to share; nil: its own.
    init(
        _ version: String = "1", image: String = "example/model:1", installsDefinition: Bool = true,
        name: String = "mlctl", repository: String = "faults", settings: APIServerModel.Settings = .init(),
        clockOffSeconds: Double = 0, rollout: String = FaultyCluster.quickly,
        namespace: String? = nil, recordKey: (@Sendable (KubernetesAPI) -> RecordKey)? = nil,
        over other: FaultyCluster? = nil
    ) async throws {
        isFirst = other == nil
        self.rollout = rollout
        if let other {
            transport = other.transport
        } else {
            transport = ModelTransport(APIServerModel(namespaces: ["test", "mlctl"], now: Date(), settings: settings)) {
                Date()
            }
            if installsDefinition { try await Self.installDefinition(transport) }
        }
        source = ScriptedSource(Self.snapshot(version, image, variables: 0, rollout))
        let archive = InMemoryStateStore()
        let now: @Sendable () -> Date = { Date().addingTimeInterval(clockOffSeconds) }
        let api = KubernetesAPI(transport: transport)
        let logger = Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() }
        let recordKey = recordKey?(api) ?? .sample
        let store = ClusterStore(
            api: api, identity: RegisterIdentity(controller: name, source: repository), namespace: namespace,
            recordKey: recordKey, archive: archive, now: now, logger: logger)
        var serving = ClusterServingSettings()
        serving.namespace = namespace
        backend = ClusterBackend(api: api, owners: store, settings: serving, recordKey: recordKey, logger: logger)
        controller = Controller(
            configuration: ControllerConfiguration(
                interval: .milliseconds(200), restingInterval: .milliseconds(200)),
            with: ControllerCollaborators(
                source: source,
                sites: SiteDirectory(clusters: [
                    "prod": Site(
                        backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(), register: store)
                ]), trail: archive, now: now),
            logger: logger)
    }

    static func installDefinition(_ transport: ModelTransport) async throws {
        try await KubernetesAPI(transport: transport).create(
            .customResourceDefinitions, namespace: nil, body: CustomResourceDefinition.modelDeployment.jsonData)
    }

    private static func snapshot(
        _ version: String, _ image: String, variables: Int, _ rollout: String, labels: [String: String] = [:]
    ) -> ManifestSnapshot {
        guard !version.isEmpty else { return ManifestSnapshot(commit: "c0", files: [:]) }
        let env = (0..<variables).map { #"{name: V\#($0), value: "\#(String(repeating: "x", count: 60_000))"}"# }
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: model, namespace: test, labels: {\(labels.map { "\($0): \($1)" }.joined(separator: ", "))}}
            spec:
              model: {version: "\(version)"}
              runtime: {image: "\(image)", env: [\(env.joined(separator: ", "))]}
              target: {kind: kubernetes}
              replicas: 2
              resources: {limits: {nvidia.com/gpu: "1"}}
              rollout: \(rollout)
            """
        return ManifestSnapshot(
            commit: "c\(version)", files: ["a.yaml": ManifestFile(blob: "\(version)\(image)\(labels)", text: text)])
    }

    /// - Parameter variables: the number of variables of 60 kB each.
    func commit(
        _ version: String, image: String = "example/model:1", variables: Int = 0, labels: [String: String] = [:]
    ) async {
        await source.commit(Self.snapshot(version, image, variables: variables, rollout, labels: labels))
    }

    /// A command by an operator.
    func act(_ verb: OperatorCommand.Verb) async throws {
        _ = try await controller.act(OperatorCommand(verb, actor: "tester"), on: Self.key)
    }

    /// Runs `body` with the controller, and with the cluster's own parts if it is the first.
    func run(_ body: @escaping @Sendable (FaultyCluster) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await backend.run() }
            group.addTask { try await controller.run() }
            defer { group.cancelAll() }
            if isFirst { try await runCluster { try await body(self) } } else { try await body(self) }
        }
    }

    /// Runs `body` with the cluster's own parts: its controllers, its scheduler, its kubelet.
    func runCluster(_ body: @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    await transport.step()
                    try? await ContinuousClock().sleep(for: Self.tick)
                }
            }
            defer { group.cancelAll() }
            try await body()
        }
    }

    // MARK: - Observing

    /// The status that `mlctl status` shows.
    func status() async -> DeploymentStatus? { await controller.status().deployments.first { $0.name == "model" } }

    func controllerStatus() async -> ControllerStatus { await controller.status() }

    /// The status that `kubectl get modeldeployment -o yaml` shows.
    func shown() async -> ShownDeployment? {
        guard let object = await transport.model.object(.modelDeployments, Self.key.objectKey) else { return nil }
        return try? JSONDecoder().decode(ShownDeployment.self, from: object.jsonData)
    }

    /// - Throws: `ConditionNotMet` with the last status.
    @discardableResult
    func wait(
        _ what: String, until isSo: @Sendable (DeploymentStatus) async -> Bool
    ) async throws -> DeploymentStatus {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let status = await status()
            if let status, await isSo(status) { return status }
            guard ContinuousClock.now < deadline else {
                throw ConditionNotMet(
                    what: "\(what); last: \(status.map { "\($0.phase): \($0.message)" } ?? "nothing")")
            }
            try await Task.sleep(for: Self.tick)
        }
    }

    /// - Returns: the status whose message has all the words.
    @discardableResult
    func waitForWords(_ words: [String]) async throws -> DeploymentStatus {
        try await wait("the status says \(words)") { status in words.allSatisfy { status.message.contains($0) } }
    }

    func waitUntilServing(_ version: String) async throws {
        try await wait("version \(version) serves") { status in
            status.phase == .healthy && status.stable?.version == version && status.stable?.ready == 2
        }
    }

    /// Waits until it is known what serves, and who owns it.
    func waitUntilRead() async throws {
        let deadline = ContinuousClock.now + Self.patience
        while !(await controller.metrics()).contains("mlctl_site_reachable{site=\"cluster prod\"} 1") {
            guard ContinuousClock.now < deadline else { throw ConditionNotMet(what: "the cluster is read") }
            try await Task.sleep(for: Self.tick)
        }
    }

    /// The pods of a version that answer, according to the cluster.
    func readyPods(_ version: String) async -> Int {
        await transport.model.objects(.pods).count { object in
            guard let head = try? JSONDecoder().decode(ObjectHead.self, from: object.jsonData),
                let pod = try? JSONDecoder().decode(ManagedObject<PodKind>.self, from: object.jsonData)
            else { return false }
            return head.metadata.labels[ObjectLabels.deployment] == Self.key.name
                && head.metadata.labels[ObjectLabels.version] == version && PodObservation(pod).isReady
        }
    }
}

/// The parts of a ModelDeployment that people read.
struct ShownDeployment: Decodable {
    struct Metadata: Decodable {
        var generation: Int
    }
    struct Status: Decodable {
        struct Event: Decodable {
            var kind: String
        }
        var message: String?
        var events: [Event]?
    }

    var metadata: Metadata
    var status: Status?

    /// The number of rollouts that were started.
    var startedRollouts: Int { (status?.events ?? []).count { $0.kind == "rolloutStarted" } }
}

import ControlPorts
import Controller
import Foundation
import KubernetesClient
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import KubernetesServing

/// From a request id that a proxy signed to the gate's verdict, over the model of the API server.
@Suite("Outcomes of a cluster", .timeLimit(.minutes(10)))
struct OutcomesTests {
    private static let key = DeploymentKey(namespace: "test", name: "model")

    /// Git, a cluster, and the stores that successive controllers share.
    private struct Rig {
        let transport: ModelTransport
        let source: ScriptedSource
        let outcomes = InMemoryOutcomeStore()

        init() async throws {
            transport = ModelTransport(APIServerModel(namespaces: ["test"], now: Date())) { Date() }
            source = ScriptedSource(Self.snapshot("1"))
            try await FaultyCluster.installDefinition(transport)
        }

        var api: KubernetesAPI { KubernetesAPI(transport: transport) }

        static func snapshot(_ version: String) -> ManifestSnapshot {
            let text = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: model, namespace: test}
                spec:
                  model: {version: "\(version)"}
                  runtime: {image: "example/model:1"}
                  target: {kind: kubernetes}
                  replicas: 1
                  rollout:
                    steps: [{setWeight: 50}, {pause: {duration: 1h}}, {setWeight: 100}]
                    gates:
                    - {name: accuracy, outcome: {label: correct, better: higher, maxRelativeIncrease: 0.2}}
                """
            return ManifestSnapshot(commit: "c\(version)", files: ["a.yaml": ManifestFile(blob: version, text: text)])
        }

        /// One controller, while the cluster's own controllers take steps.
        func living(_ body: @escaping @Sendable (Controller) async throws -> Void) async throws {
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let archive = InMemoryStateStore()
            let store = ClusterStore(
                api: api, identity: RegisterIdentity(controller: "mlctl", source: "repo"), recordKey: .sample,
                archive: archive,
                now: { Date() }, logger: logger)
            let backend = ClusterBackend(api: api, owners: store, logger: logger)
            let site = Site(
                backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(), register: store,
                requestIdKey: { try await backend.requestIdKey(in: $0) })
            let controller = Controller(
                configuration: ControllerConfiguration(
                    interval: .seconds(3600), restingInterval: .milliseconds(50)),
                with: ControllerCollaborators(
                    source: source, sites: SiteDirectory(clusters: ["prod": site]), trail: archive,
                    inquirer: Totals(outcomes: outcomes), outcomes: outcomes, now: { Date() }),
                logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await backend.run() }
                group.addTask { try await controller.run() }
                group.addTask {
                    while !Task.isCancelled {
                        await transport.step()
                        try await ContinuousClock().sleep(for: .milliseconds(5))
                    }
                }
                try await body(controller)
                group.cancelAll()
            }
        }

        /// The key as the kubelet mounts it into the proxies.
        func mountedKey() async throws -> RequestIdentityKey {
            let name = NamespacedName(namespace: "test", name: ObjectNames.proxyKey)
            let secret = try JSONDecoder().decode(Mounted.self, from: try await api.answer(to: .get(.secrets, name)))
            let bytes = try #require(secret.data[RequestIdentityKey.fileName])
            return try #require(RequestIdentityKey(Array(bytes)))
        }

        private struct Mounted: Decodable {
            /// In base64, as `JSONDecoder` reads data.
            var data: [String: Data]
        }
    }

    /// The answers of the source `outcomes`.
    private struct Totals: Inquirer {
        let outcomes: InMemoryOutcomeStore

        func answer(_ inquiry: Inquiry) async -> Finding.Answer {
            let revisions = [inquiry.stable, inquiry.candidate].compactMap { $0?.revision }
            return .counters(
                await outcomes.totals(
                    of: inquiry.deployment, revisions: revisions, labels: ["correct"], since: inquiry.since))
        }
    }

    /// Outcomes of requests of the next minutes: gates count those of full minutes since the rollout began.
    private static func reported(
        _ revision: Revision, correct: Double, _ key: RequestIdentityKey, from first: UInt32 = 0
    ) -> [ReportedOutcome] {
        let later = UInt32(Date().timeIntervalSince1970) + 120
        return (first..<first + 200).map { number in
            ReportedOutcome(
                requestId: RequestIdentity(revision: revision, atSeconds: later, random: number)
                    .text(of: Self.key, key: key), label: "correct", value: correct)
        }
    }

    private static func wait(
        _ controller: Controller, until isMet: (DeploymentStatus) -> Bool
    ) async throws -> DeploymentStatus {
        for _ in 0..<4000 {
            if let status = await controller.status().deployments.first, isMet(status) { return status }
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
        throw ConditionNotMet(what: "\(await controller.status())")
    }

    @Test(
        "ids that proxies signed are accepted, the gate decides on them, and the next controller verifies with the same key"
    )
    func decided() async throws {
        let rig = try await Rig()
        try await rig.living { controller in
            _ = try await Self.wait(controller) { $0.phase == .healthy }
            await rig.source.commit(Rig.snapshot("2"))
            _ = try await controller.sync()
            let running = try await Self.wait(controller) { $0.candidate?.weight == 50 }
            let stable = try #require(running.stable?.revision)
            let candidate = try #require(running.candidate?.revision)
            let key = try await rig.mountedKey()
            let receipt = try await controller.report(
                Self.reported(stable, correct: 1, key) + Self.reported(candidate, correct: 0, key))
            #expect(receipt == OutcomeReceipt(accepted: 400))
            let ended = try await Self.wait(controller) { $0.phase == .rolledBack }
            #expect(ended.quarantined.map(\.revision) == [candidate])
            #expect(ended.quarantined.first?.reason.contains("accuracy") == true)
        }
        try await rig.living { controller in
            let status = try await Self.wait(controller) { $0.phase == .rolledBack }
            let stable = try #require(status.stable?.revision)
            let key = try await rig.mountedKey()
            let again = try await controller.report(Self.reported(stable, correct: 1, key, from: 500))
            #expect(again == OutcomeReceipt(accepted: 200))
            let forger = try #require(RequestIdentityKey(Array(0..<16)))
            let forged = try await controller.report(Self.reported(stable, correct: 1, forger, from: 900))
            #expect(forged.accepted == 0 && forged.refused == 200)
            #expect(forged.refusals.first?.reason.contains("replaced") == true)
        }
    }
}

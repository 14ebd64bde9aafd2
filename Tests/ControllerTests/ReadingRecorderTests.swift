import ControlPorts
import Controller
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// The readings of the loop during a rollout, as a replay and an explanation show them.
@Suite("The loop's readings", .timeLimit(.minutes(10)))
struct ReadingRecorderTests {
    /// At each reading, every served revision has answered a fixed number of further requests; the candidate failed some of them.
    private actor GrowingCounters: MetricSource {
        static let requestsPerLook = 2000
        private let backend: ScriptedBackend
        private var looks = 0

        init(_ backend: ScriptedBackend) { self.backend = backend }

        func readings(for deployment: DeploymentKey) async throws -> [Reading] {
            looks += 1
            let requests = looks * Self.requestsPerLook
            return await (backend.plans[deployment]?.revisions ?? []).map { revision in
                Reading(
                    instance: "\(revision.revision)-0", revision: revision.revision, epoch: "e",
                    counters: RequestCounters(requests: requests, errors: looks, latency: [requests], bounds: [1]),
                    failedRequestIds: ["\(revision.revision)-failed"])
            }
        }
    }

    private static let key = DeploymentKey(namespace: "test", name: "model")
    private static let judged = """
        {steps: [{setWeight: 50}, {gate: {name: errors}}, {approval: {}}, {setWeight: 100}],
         gates: [{name: errors, compare: {metric: errors}}]}
        """

    private static func rollOut(_ rig: ControllerTests.Rig, _ controller: Controller) async throws {
        try await ControllerTests.wait(controller) { $0?.phase == .healthy }
        let next = ControllerTests.manifest("2", rollout: judged)
        await rig.source.commit(ControllerTests.Rig.snapshot(["a.yaml": next], commit: "c2"))
        _ = try await controller.sync()
        try await ControllerTests.wait(controller) { $0?.waitingFor == "approval: 'mlctl promote'" }
    }

    @Test("are stored up to the verdict that they led to, under their rollout")
    func recorded() async throws {
        let rig = ControllerTests.Rig(["a.yaml": ControllerTests.manifest("1")])
        let store = InMemoryReadingStore()
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let recorder = ReadingRecorder(store: store, logger: quiet)
        try await rig.running(metrics: GrowingCounters(rig.backend), recorder: recorder) { controller in
            try await Self.rollOut(rig, controller)
            let candidate = try #require(await controller.status().deployments.first?.candidate)
            let rollouts = try await controller.recordedRollouts(of: Self.key)
            #expect(rollouts.map(\.identity.version) == ["2", "1"])
            let rollout = try #require(rollouts.first)
            #expect(rollout.identity.revision == candidate.revision)
            let number = rollout.number
            let readings = try await controller.recordedReadings(of: number, in: Self.key, after: 0, limit: 1000)
            let evidence = readings.filter { $0.source == MetricSourceName.proxy }
            #expect(!evidence.isEmpty)
            let isWhole = evidence.allSatisfy { reading in
                reading.candidate.requests % GrowingCounters.requestsPerLook == 0
                    && reading.candidate.errors * GrowingCounters.requestsPerLook == reading.candidate.requests
            }
            #expect(isWhole)
            let passed = try await controller.events(matching: EventFilter(deployment: Self.key), limit: 100)
                .first { $0.event.kind == .gatePassed }
            let samples = try #require(passed?.event.evidence.first?.samples)
            #expect(evidence.contains { $0.candidate.requests == samples })
        }
    }

    @Test("contain the candidate's failed requests while it is evaluated, and none once it is stable")
    func failedRequests() async throws {
        let rig = ControllerTests.Rig(["a.yaml": ControllerTests.manifest("1")])
        try await rig.running(metrics: GrowingCounters(rig.backend)) { controller in
            try await Self.rollOut(rig, controller)
            let candidate = try #require(await controller.status().deployments.first?.candidate)
            let judged = try await controller.explanation(of: Self.key)
            #expect(judged.failedRequestIds == ["\(candidate.revision)-failed"])
            _ = try await controller.act(OperatorCommand(.promote(full: false)), on: Self.key)
            try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.candidate == nil }
            let rested = try await controller.explanation(of: Self.key)
            #expect(rested.failedRequestIds.isEmpty)
        }
    }
}

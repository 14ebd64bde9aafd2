import Analysis
import Foundation
import Logging
import ModelManifests
import Rollouts

/// Keeps what rollouts are judged on. Whatever goes wrong here is logged, and stops no decision.
public actor ReadingRecorder {
    public nonisolated let store: any ReadingStore
    private let logger: Logger
    /// At most one a deployment: the rollout in flight.
    private var recordings: [DeploymentKey: RolloutRecording] = [:]
    /// Of all rollouts, what is due and not written yet.
    private var due: [RecordedRollout.Identity: [RecordedReading]] = [:]
    private var writtenAt: ContinuousClock.Instant?

    /// Between two writes that nothing hurries: one for all rollouts.
    static let writeInterval: Duration = .seconds(1)

    public init(store: any ReadingStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Takes what one pass learnt, after its decision has been written.
    ///
    /// - Parameters:
    ///   - rollout: the one that it was evidence about: in flight before the pass.
    ///   - events: what the pass decided.
    ///   - isOver: no evidence about this rollout will follow.
    public func record(
        _ intervals: [Interval], about rollout: Rollout, of deployment: DeploymentKey, events: [RolloutEvent],
        isOver: Bool
    ) async {
        defer { if isOver { recordings[deployment] = nil } }
        guard !intervals.isEmpty else {
            if isOver { await writeDueNow(deployment) }
            return
        }
        let identity = RecordedRollout.Identity(
            deployment: deployment, revision: rollout.candidate.revision, version: rollout.candidate.version,
            startedAt: rollout.judgement.startedAt)
        do {
            if recordings[deployment]?.identity != identity {
                recordings[deployment] = RolloutRecording(
                    identity, resumingAt: try await store.lastReadings(of: identity))
            }
            let isDecisive = isOver || events.contains { [.gatePassed, .gateFailed, .gateWarned].contains($0.kind) }
            let readings = recordings[deployment]?.absorb(intervals, isDecisive: isDecisive) ?? []
            if !readings.isEmpty { due[identity, default: []] += readings }
            if isDecisive || writtenAt.map({ .now - $0 >= Self.writeInterval }) ?? true { try await writeDue() }
        } catch {
            logger.warning(
                "Readings are not kept", metadata: ["deployment": "\(deployment)", "error": "\(error)"])
        }
    }

    private func writeDueNow(_ deployment: DeploymentKey) async {
        do {
            try await writeDue()
        } catch {
            logger.warning(
                "Readings are not kept", metadata: ["deployment": "\(deployment)", "error": "\(error)"])
        }
    }

    private func writeDue() async throws {
        guard !due.isEmpty else { return }
        writtenAt = .now
        // Those that cannot be written are lost: nothing piles up while the disk is full.
        let batch = due
        due = [:]
        try await store.append(batch)
    }
}

extension Controller {
    public func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] {
        try await with.recorder?.store.rollouts(of: deployment) ?? []
    }

    public func recordedReadings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading] {
        try await with.recorder?.store.readings(of: rollout, in: deployment, after: position, limit: limit) ?? []
    }
}

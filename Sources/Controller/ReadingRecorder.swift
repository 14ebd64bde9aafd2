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
        guard !intervals.isEmpty else { return }
        let identity = RecordedRollout.Identity(
            deployment: deployment, revision: rollout.candidate.revision, version: rollout.candidate.version,
            startedAt: rollout.judgement.startedAt)
        do {
            if recordings[deployment]?.identity != identity {
                recordings[deployment] = RolloutRecording(
                    identity, resumingAt: try await store.lastReadings(of: identity))
            }
            let isDecisive = isOver || events.contains { $0.kind == .gatePassed || $0.kind == .gateFailed }
            let due = recordings[deployment]?.absorb(intervals, isDecisive: isDecisive) ?? []
            if !due.isEmpty { try await store.append(due, to: identity) }
        } catch {
            logger.warning(
                "Readings are not kept", metadata: ["deployment": "\(deployment)", "error": "\(error)"])
        }
    }
}

extension Controller {
    /// - Parameter rollout: the one in flight before the pass: what the pass learnt is about it.
    func record(_ decision: Decision, about rollout: Rollout?, of deployment: DeploymentKey) async {
        guard let rollout else { return }
        await with.recorder?.record(
            decision.absorbed, about: rollout, of: deployment, events: decision.events,
            isOver: decision.state?.rollout?.judgement.startedAt != rollout.judgement.startedAt)
    }

    public func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] {
        try await with.recorder?.store.rollouts(of: deployment) ?? []
    }

    public func recordedReadings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading] {
        try await with.recorder?.store.readings(of: rollout, in: deployment, after: position, limit: limit) ?? []
    }
}

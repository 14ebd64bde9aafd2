import Analysis
import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts

/// Records the readings that rollouts are judged on. Failures are logged and affect no decision.
package actor ReadingRecorder {
    package nonisolated let store: any ReadingStore
    private let logger: Logger
    /// At most one per deployment: that of the rollout in flight.
    private var recordings: [DeploymentKey: RolloutRecording] = [:]
    /// Readings of all rollouts that must be written.
    private var due: [RecordedRollout.Identity: [RecordedReading]] = [:]
    private var writtenAt: ContinuousClock.Instant?

    /// The time between two writes, unless a verdict or an end requires one at once. One write covers all rollouts.
    static let writeInterval: Duration = .seconds(1)

    package init(store: any ReadingStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Records the evidence of one pass, after its decision was written.
    ///
    /// - Parameters:
    ///   - rollout: the rollout in flight before the pass; the evidence is about it.
    ///   - events: the events of the pass.
    ///   - isOver: whether no more evidence about this rollout will follow.
    package func record(
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
                "Readings could not be stored", metadata: ["deployment": "\(deployment)", "error": "\(error)"])
        }
    }

    private func writeDueNow(_ deployment: DeploymentKey) async {
        do {
            try await writeDue()
        } catch {
            logger.warning(
                "Readings could not be stored", metadata: ["deployment": "\(deployment)", "error": "\(error)"])
        }
    }

    private func writeDue() async throws {
        guard !due.isEmpty else { return }
        writtenAt = .now
        // Readings that cannot be written are dropped, so that nothing piles up while the disk is full.
        let batch = due
        due = [:]
        try await store.append(batch)
    }
}

extension Controller {
    package func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] {
        try await with.recorder?.store.rollouts(of: deployment) ?? []
    }

    package func recordedReadings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading] {
        try await with.recorder?.store.readings(of: rollout, in: deployment, after: position, limit: limit) ?? []
    }
}

import Analysis
import Foundation
import ModelManifests

/// Stores the readings that rollouts were judged on, so that they can be judged again: `mlctl events --export`.
///
/// # Guarantees
/// - Bounded: a fixed number of rollouts per deployment, and of readings per rollout. The oldest rollout is removed first; a full
///   rollout keeps what it has.
/// - Readings that are lost here affect only `mlctl replay`: no decision reads them.
package protocol ReadingStore: Sendable {
    /// Appends to a rollout's readings. The first call for a rollout creates it.
    func append(_ readings: [RecordedReading], to rollout: RecordedRollout.Identity) async throws
    /// The same for several rollouts.
    func append(_ batch: [RecordedRollout.Identity: [RecordedReading]]) async throws
    /// The last stored reading of each source, from which counting continues after a restart.
    func lastReadings(of rollout: RecordedRollout.Identity) async throws -> [RecordedReading]
    /// Newest first.
    func rollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout]
    /// In the order of storing, starting after `position`.
    func readings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading]
}

extension ReadingStore {
    package func append(_ batch: [RecordedRollout.Identity: [RecordedReading]]) async throws {
        for (rollout, readings) in batch { try await append(readings, to: rollout) }
    }
}

/// A rollout whose readings are stored.
package struct RecordedRollout: Hashable, Codable, Sendable {
    /// The same revision is judged again after `mlctl retry`: only the start time distinguishes the two.
    package struct Identity: Hashable, Codable, Sendable {
        package var deployment: DeploymentKey
        package var revision: Revision
        package var version: String
        package var startedAt: Date

        package init(deployment: DeploymentKey, revision: Revision, version: String, startedAt: Date) {
            self.deployment = deployment
            self.revision = revision
            self.version = version
            self.startedAt = startedAt
        }
    }

    package static let perDeploymentLimit = 20
    /// Enough for more than a year at the spacing of `RolloutRecording`.
    package static let readingLimit = 20_000

    /// Identifies the rollout in requests for its readings.
    package var number: Int
    package var identity: Identity
    package var readings: Int

    package init(number: Int, identity: Identity, readings: Int) {
        self.number = number
        self.identity = identity
        self.readings = readings
    }
}

/// Everything from one source that became evidence since the rollout started, up to one time.
package struct RecordedReading: Hashable, Codable, Sendable {
    /// Increases with every reading; 0 if it is not stored yet.
    package var position: Int
    /// Seconds since the rollout's evidence began.
    package var t: Double
    package var source: String
    package var stable: SideCounts
    package var candidate: SideCounts

    package init(
        position: Int = 0, t: Double, source: String = MetricSourceName.proxy, stable: SideCounts,
        candidate: SideCounts
    ) {
        self.position = position
        self.t = t
        self.source = source
        self.stable = stable
        self.candidate = candidate
    }
}

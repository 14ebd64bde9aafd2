import Analysis
import Foundation
import ModelManifests

/// Where it is kept what rollouts were judged on, so that they can be judged again: `mlctl events --export`.
///
/// # Guarantees
/// - Bounded: so many rollouts a deployment, so many readings a rollout. The oldest rollout goes first; a rollout that is
///   full keeps what it has.
/// - What is lost here is lost to `mlctl replay` alone: no decision reads it.
public protocol ReadingStore: Sendable {
    /// Appends to the rollout's readings; the first of a rollout opens it.
    func append(_ readings: [RecordedReading], to rollout: RecordedRollout.Identity) async throws
    /// The same, for several rollouts.
    func append(_ batch: [RecordedRollout.Identity: [RecordedReading]]) async throws
    /// Of each source, the last that was kept: where counting goes on after a restart.
    func lastReadings(of rollout: RecordedRollout.Identity) async throws -> [RecordedReading]
    /// Newest first.
    func rollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout]
    /// In the order in which they were kept, from the one after `position`.
    func readings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading]
}

extension ReadingStore {
    public func append(_ batch: [RecordedRollout.Identity: [RecordedReading]]) async throws {
        for (rollout, readings) in batch { try await append(readings, to: rollout) }
    }
}

/// A rollout whose readings are kept.
public struct RecordedRollout: Hashable, Codable, Sendable {
    /// The same revision is judged anew after `mlctl retry`: only its start tells the two apart.
    public struct Identity: Hashable, Codable, Sendable {
        public var deployment: DeploymentKey
        public var revision: Revision
        public var version: String
        public var startedAt: Date

        public init(deployment: DeploymentKey, revision: Revision, version: String, startedAt: Date) {
            self.deployment = deployment
            self.revision = revision
            self.version = version
            self.startedAt = startedAt
        }
    }

    public static let perDeploymentLimit = 20
    /// Over a year at the spacing of `RolloutRecording`.
    public static let readingLimit = 20_000

    /// By which its readings are asked for.
    public var number: Int
    public var identity: Identity
    public var readings: Int

    public init(number: Int, identity: Identity, readings: Int) {
        self.number = number
        self.identity = identity
        self.readings = readings
    }
}

/// All that became evidence since the rollout began, of one source, up to one time.
public struct RecordedReading: Hashable, Codable, Sendable {
    /// Rises from one to the next; 0 while it has not been kept.
    public var position: Int
    /// Seconds since the rollout's evidence began.
    public var t: Double
    public var source: String
    public var stable: SideCounts
    public var candidate: SideCounts

    public init(
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

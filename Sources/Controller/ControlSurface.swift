import Foundation
import ModelManifests
import Rollouts
import Serving

/// What the API and the commands may ask of a running controller.
public protocol ControlSurface: Sendable {
    func status() async -> ControllerStatus
    /// - Throws: `ControlError`.
    func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus
    /// Looks at git at once; returns when the look is done and every deployment that it changed has been reconciled once, or
    /// some seconds later: `awaited` says how many have not been.
    ///
    /// - Parameter project: nil: all of them. A look that fails is in its project's status where there are several.
    func sync(_ project: String?) async throws -> [SourceStatus]
    func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent]
    /// Every event from now on, as it is written.
    func eventStream() async -> AsyncStream<StoredEvent>
    /// The deployment's revisions, newest first: what was deployed when, and how it ended.
    func history(of deployment: DeploymentKey) async throws -> [HistoryEntry]
    /// The last lines of an instance's or a revision's log, oldest first.
    func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine]
    /// Delayed ground truth of answers that were given.
    func report(_ outcomes: [ReportedOutcome]) async throws -> OutcomeReceipt
    /// What each gate and step of the deployment is about, how it stands, and what comes next.
    func explanation(of deployment: DeploymentKey) async throws -> DeploymentExplanation
    /// Past rollouts whose readings are kept, newest first.
    func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout]
    /// What a rollout was judged on, in order, at most `limit`.
    /// - Parameters:
    ///   - rollout: its number.
    ///   - position: of the last reading that is known; 0 for none.
    func recordedReadings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading]
    /// `mlctl wait`: whether `commit` is `of` or an ancestor of it.
    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool
    /// Whether the controller is able to do its work: the first look at git and the first pass are done.
    func isReady() async -> Bool
    /// In Prometheus' text form.
    func metrics() async -> String
    /// Where model servers' own metrics are, for Prometheus' HTTP service discovery.
    func scrapeTargets() async -> [ScrapeTarget]
}

public struct HistoryEntry: Hashable, Codable, Sendable {
    public var revision: Revision
    public var version: String
    @Nullable public var commit: String?
    public var startedAt: Date
    @Nullable public var endedAt: Date?
    /// `stable`, `candidate`, `superseded`, `rolled back`, `aborted`, `replaced`.
    public var outcome: String
    public var reason: String

    public init(
        revision: Revision, version: String, commit: String?, startedAt: Date, endedAt: Date?, outcome: String,
        reason: String
    ) {
        self.revision = revision
        self.version = version
        self.commit = commit
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.outcome = outcome
        self.reason = reason
    }
}

/// Why the controller will not do what was asked.
public struct ControlError: Error, Hashable, Codable, Sendable {
    public enum Code: String, Codable, Sendable {
        /// No such deployment, or no such revision.
        case notFound
        /// Not in this phase.
        case conflict
        /// The request makes no sense.
        case invalid
        case unavailable
    }

    public var code: Code
    /// What is wrong and what to do.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

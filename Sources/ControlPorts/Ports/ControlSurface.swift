import Foundation
import ModelManifests
import Rollouts
import Serving

/// The operations of a running controller that the API and the commands use.
package protocol ControlSurface: Sendable {
    func status() async -> ControllerStatus
    /// - Throws: `ControlError`.
    func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus
    /// Checks git at once. Returns when every deployment that changed has been reconciled once, or after a few seconds; `awaited`
    /// then says how many are still missing.
    ///
    /// - Parameter project: nil for all projects. If there are several, a failed check is reported in the status of its project.
    func sync(_ project: String?) async throws -> [SourceStatus]
    func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent]
    /// The audit trail, oldest first: at most `limit` entries with ids after this one.
    func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry]
    /// New events, as they are written.
    func eventStream() async -> AsyncStream<StoredEvent>
    /// The deployment's revisions, newest first: when they were deployed and how they ended.
    func history(of deployment: DeploymentKey) async throws -> [HistoryEntry]
    /// The last lines of an instance's or a revision's log, oldest first.
    func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine]
    /// Stores outcomes (delayed ground truth) of answers that were given earlier.
    func report(_ outcomes: [ReportedOutcome]) async throws -> OutcomeReceipt
    /// Explains each gate and step of the deployment, its state, and what comes next.
    func explanation(of deployment: DeploymentKey) async throws -> DeploymentExplanation
    /// Past rollouts whose readings are stored, newest first.
    func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout]
    /// The readings that a rollout's gates used, in order, at most `limit`.
    /// - Parameters:
    ///   - rollout: its number.
    ///   - position: the position of the last known reading; 0 for none.
    func recordedReadings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading]
    /// Whether `commit` is `descendant` or an ancestor of it. Used by `mlctl wait`.
    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool
    /// Whether the controller is ready: the first check of git has succeeded.
    func isReady() async -> Bool
    /// In Prometheus' text format.
    func metrics() async -> String
    /// The metrics pages of the model servers, for Prometheus' HTTP service discovery.
    func scrapeTargets() async -> [ScrapeTarget]
}

package struct HistoryEntry: Hashable, Codable, Sendable {
    package var revision: Revision
    package var version: String
    @Nullable package var commit: String?
    package var startedAt: Date
    @Nullable package var endedAt: Date?
    /// `stable`, `candidate`, `superseded`, `rolled back`, `aborted`, `replaced`.
    package var outcome: String
    package var reason: String

    package init(
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

/// Why the controller refuses a request.
package struct ControlError: Error, Hashable, Codable, Sendable {
    package enum Code: String, Codable, Sendable {
        /// No such deployment, or no such revision.
        case notFound
        /// Not possible in the current phase.
        case conflict
        /// The request is invalid.
        case invalid
        case unavailable
    }

    package var code: Code
    /// What is wrong and what to do.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// One model server's metrics page, in the format of Prometheus' HTTP service discovery.
package struct ScrapeTarget: Hashable, Codable, Sendable {
    /// `host:port`.
    package var targets: [String]
    package var labels: [String: String]

    package init(targets: [String], labels: [String: String]) {
        self.targets = targets
        self.labels = labels
    }
}

import ModelManifests
import Serving
import Transport

/// What git wants of one deployment, for a site that shows it.
public struct Announcement: Hashable, Sendable {
    public var deployment: DeploymentKey
    public var labels: [String: String]
    /// `spec` as written, as canonical JSON.
    public var spec: String
    public var commit: String

    public init(deployment: DeploymentKey, labels: [String: String], spec: String, commit: String) {
        self.deployment = deployment
        self.labels = labels
        self.spec = spec
        self.commit = commit
    }

    /// - Returns: nil where the manifest is not for showing.
    init?(_ deployment: ModelDeployment, commit: String) {
        guard let written = deployment.written else { return nil }
        self.init(deployment: deployment.key, labels: deployment.labels, spec: written, commit: commit)
    }
}

/// What became of an announcement.
public enum AnnouncementAnswer: Equatable, Sendable {
    /// The site shows what git says. `warning`: what is to be said where somebody else writes the entry again and again.
    case shown(warning: String?)
    /// The site did not take it. What it took last stays in force: the pass goes on by that, and its gates, its commands
    /// and the repair of drift with it.
    case refused(AnnouncementRefusal)
}

/// Why a site did not take what git says, and what to do.
public struct AnnouncementRefusal: RetryableError, Hashable {
    public var message: String
    public var retryClass: RetryClass
    /// For a moment nothing may be carried out there: what is being made anew must not be worked on.
    public var holdsPass: Bool

    public init(_ message: String, retry: RetryClass, holdsPass: Bool = false) {
        self.message = message
        retryClass = retry
        self.holdsPass = holdsPass
    }
}

/// The entry is there, and its record is not, or is an older one: somebody wiped it, or put an older one back. What the
/// controller has in memory is newer, and is to be written as if there were no record.
public struct RecordLost: Error, Hashable, Sendable {
    public var deployment: DeploymentKey

    public init(deployment: DeploymentKey) { self.deployment = deployment }
}

/// A site's own list of deployments: what git wants of each, and how it stands.
///
/// # Guarantees
/// - Nothing is written where everything is as it was announced or reported before, except by somebody else's hand:
///   that is put back.
/// - The record that `StateStore` keeps in the same place is never lost by an announcement.
/// - A site that refuses, or cannot be asked, is an answer and no error. A refused announcement is repeated more and more
///   seldom; another one at once.
public protocol DeploymentRegister: Sendable {
    /// Called before every decision. A newer commit that changes nothing about the deployment is no change.
    ///
    /// - Throws: where nothing may be decided now: `RecordLost`, `StateConflict`, or a `RetryableError` that says whose the
    ///   deployment is.
    @discardableResult
    func announce(_ announcement: Announcement) async throws -> AnnouncementAnswer
    /// Git has it no more. What it serves is still to be taken down, and its record is kept until then.
    ///
    /// - Throws: as `announce`.
    @discardableResult
    func withdraw(_ deployment: DeploymentKey) async throws -> AnnouncementAnswer
    /// How it stands now, where that is not what was last written.
    func report(_ status: DeploymentStatus, of deployment: DeploymentKey) async throws
    /// Revisions that were in quarantine when the record was last written, from a place that outlives the record.
    ///
    /// - Returns: nil where that is not known.
    func quarantine(of deployment: DeploymentKey) async -> [QuarantineStatus]?
    /// Whether another controller keeps it, as far as is known: then it is no business of this one until git wants it.
    func isAnothers(_ deployment: DeploymentKey) async -> Bool
    /// Deployments whose entry somebody else has changed.
    var changes: AsyncStream<DeploymentKey> { get }
}

extension DeploymentRegister {
    public func isAnothers(_ deployment: DeploymentKey) async -> Bool { false }
}

extension AnnouncementAnswer {
    var isTransientRefusal: Bool {
        if case .refused(let refusal) = self { refusal.retryClass == .transient } else { false }
    }
}

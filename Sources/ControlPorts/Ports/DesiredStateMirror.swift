import ModelManifests
import Serving
import Transport

/// What git wants of one deployment, to be shown at its site.
package struct PublishedManifest: Hashable, Sendable {
    package var deployment: DeploymentKey
    package var labels: [String: String]
    /// `spec` as written, as canonical JSON.
    package var spec: String
    package var commit: String

    package init(deployment: DeploymentKey, labels: [String: String], spec: String, commit: String) {
        self.deployment = deployment
        self.labels = labels
        self.spec = spec
        self.commit = commit
    }

    /// - Returns: nil if the manifest is not meant to be shown.
    package init?(_ deployment: ModelDeployment, commit: String) {
        guard let written = deployment.written else { return nil }
        self.init(deployment: deployment.key, labels: deployment.labels, spec: written, commit: commit)
    }
}

/// A site's answer to an announcement.
package enum PublishResult: Equatable, Sendable {
    /// The site shows what git says. `warning`: a message for the status if another writer keeps overwriting the entry.
    case shown(warning: String?)
    /// The site did not accept it. What it accepted last stays in force: the pass continues with that, including gates, commands
    /// and drift repair.
    case refused(PublishRefusal)
}

/// Why a site did not accept what git says, and what to do.
package struct PublishRefusal: RetryableError, Hashable {
    package var message: String
    package var retryClass: RetryClass
    /// Nothing may be carried out at the site for the moment, because the object is being created again.
    package var holdsPass: Bool

    package init(_ message: String, retry: RetryClass, holdsPass: Bool = false) {
        self.message = message
        retryClass = retry
        self.holdsPass = holdsPass
    }
}

/// The entry exists, but its record is missing or older than expected: someone deleted it, or restored an older one. The state in
/// the controller's memory is newer, and is written as if there were no record.
package struct RecordLost: Error, Hashable, Sendable {
    package var deployment: DeploymentKey

    package init(deployment: DeploymentKey) { self.deployment = deployment }
}

/// A site's public list of deployments: what git wants of each one, and its status.
///
/// # Guarantees
/// - Nothing is written if everything is as it was announced or reported before. Changes by other writers are reverted.
/// - An announcement never loses the record that `StateStore` keeps in the same place.
/// - A refusal, or a site that cannot be asked, is an answer and not an error. A refused announcement is repeated with increasing
///   delays; a different announcement is made at once.
package protocol DesiredStateMirror: Sendable {
    /// Called before every decision. A newer commit that changes nothing about the deployment is not written.
    ///
    /// - Throws: if nothing may be decided now: `RecordLost`, `StateConflict`, or a `RetryableError` that says who owns the
    ///   deployment.
    @discardableResult
    func announce(_ announcement: PublishedManifest) async throws -> PublishResult
    /// Git does not contain the deployment any more. Its instances are still to be taken down, and its record is kept until then.
    ///
    /// - Throws: the same errors as `announce`.
    @discardableResult
    func withdraw(_ deployment: DeploymentKey) async throws -> PublishResult
    /// Writes the status, if it differs from what was last written.
    func report(_ status: DeploymentStatus, of deployment: DeploymentKey) async throws
    /// The revisions that were in quarantine when the record was last written. They are stored in a place that outlives the
    /// record.
    ///
    /// - Returns: nil if it is unknown.
    func quarantine(of deployment: DeploymentKey) async -> [QuarantineStatus]?
    /// Whether another controller keeps the deployment, as far as is known. This controller then leaves it alone until git wants
    /// it.
    func isAnothers(_ deployment: DeploymentKey) async -> Bool
    /// Deployments whose entry another writer has changed.
    var changes: AsyncStream<DeploymentKey> { get }
}

extension DesiredStateMirror {
    package func isAnothers(_ deployment: DeploymentKey) async -> Bool { false }
}

extension PublishResult {
    package var isTransientRefusal: Bool {
        if case .refused(let refusal) = self { refusal.retryClass == .transient } else { false }
    }
}

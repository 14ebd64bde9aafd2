import ModelManifests

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

/// A site's own list of deployments: what git wants of each, and how it stands.
///
/// # Guarantees
/// - Nothing is written where everything is as it was announced or reported before, except by somebody else's hand:
///   that is put back.
/// - The record that `StateStore` keeps in the same place is never lost by an announcement.
public protocol DeploymentRegister: Sendable {
    /// Called before every decision. A newer commit that changes nothing about the deployment is no change.
    ///
    /// - Returns: what is to be said where somebody else writes the entry again and again; nothing waits for it.
    @discardableResult
    func announce(_ announcement: Announcement) async throws -> String?
    /// Git has it no more. What it serves is still to be taken down, and its record is kept until then.
    func withdraw(_ deployment: DeploymentKey) async throws
    /// How it stands now, where that is not what was last written.
    func report(_ status: DeploymentStatus, of deployment: DeploymentKey) async throws
    /// Whether another controller keeps it, as far as is known: then it is no business of this one until git wants it.
    func isAnothers(_ deployment: DeploymentKey) async -> Bool
    /// Deployments whose entry somebody else has changed.
    var changes: AsyncStream<DeploymentKey> { get }
}

extension DeploymentRegister {
    public func isAnothers(_ deployment: DeploymentKey) async -> Bool { false }
}

import ModelManifests

/// What makes a serving plan true: local processes, or a cluster.
///
/// # Guarantees
/// - `apply` is idempotent and may be cut off at any point: applying the same plan again reaches the same end.
/// - It starts what is wanted before it stops what is not, and never stops the last ready instance of a weighted
///   revision to make room.
/// - Neither call waits for a model to load: they return what is so now, and `changes` says when to look again.
public protocol ServingBackend: Sendable {
    /// Every deployment that has instances or an endpoint, wanted or not.
    func deployments() async throws -> [DeploymentKey]
    func observe(_ deployment: DeploymentKey) async throws -> Observation
    func apply(_ plan: ServingPlan) async throws
    /// The digest of what `model.storageURI` holds now. Called before a revision is named, so that a mutable URI is
    /// a new revision when its content changes. Nil where there are no files, or the URI cannot change.
    func pin(_ model: ModelSource) async throws -> Digest?
    /// Deployments that look different from before, as they change. Ends when the backend is closed.
    var changes: AsyncStream<DeploymentKey> { get }
    /// Why the place cannot be looked at now: what is observed is then as it was last seen. Nil where it can.
    func outage() async -> String?
    /// The same, and it may take some seconds to find out. Called beside passes, about once a second.
    func reach() async -> String?
}

extension ServingBackend {
    public func outage() async -> String? { nil }
    public func reach() async -> String? { await outage() }
}

/// What an error of an adapter tells the loop to do next.
public enum RetryClass: String, Codable, Sendable {
    /// Back off and try again.
    case transient
    /// Something outside must change first; look again now and then.
    case waiting
    /// Report and stop: trying again cannot help until the input changes.
    case terminal
}

/// An error that says how it may be retried, and what its reader can do.
public protocol RetryableError: Error {
    var retryClass: RetryClass { get }
    /// What is wrong and what to do, for people.
    var message: String { get }
}

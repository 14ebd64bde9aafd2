import ModelManifests

/// Carries out serving plans, by local processes or in a cluster.
///
/// # Guarantees
/// - `apply` is idempotent and may be interrupted at any point: applying the same plan again has the same result.
/// - It starts the instances that are wanted before it stops others, and never stops the last ready instance of a
///   weighted revision to make room.
/// - Neither call waits for a model to load: they return the current state, and `changes` says when to observe again.
package protocol ServingBackend: Sendable {
    /// Every deployment that has instances or an endpoint, wanted or not.
    func deployments() async throws -> [DeploymentKey]
    func observe(_ deployment: DeploymentKey) async throws -> Observation
    func apply(_ plan: ServingPlan) async throws
    /// The digest of the current content of `model.storageURI`. It is called before the revision is computed, so that
    /// new content under a mutable URI is a new revision. Nil if there are no files, or if the URI cannot change.
    func pin(_ model: ModelSource) async throws -> Digest?
    /// Whether the files of a model without a digest are still those that were pinned. It downloads nothing.
    ///
    /// - Throws: where it cannot be found out now.
    func check(_ model: ModelSource, against digest: Digest) async throws -> ModelSourceCheck
    /// Deployments whose observation has changed, as they change. Ends when the backend is closed.
    var changes: AsyncStream<DeploymentKey> { get }
    /// Why the site cannot be observed now; observations are then those seen last. Nil if it can be observed.
    func outage() async -> String?
    /// The same, and it may take some seconds to find out. Called beside passes, about once a second.
    func reach() async -> String?
}

/// What is at a model's location now.
package enum ModelSourceCheck: Hashable, Sendable {
    case unchanged, changed, missing
    /// The location does not tell without a download.
    case unknown
}

extension ServingBackend {
    package func check(_ model: ModelSource, against digest: Digest) async throws -> ModelSourceCheck { .unknown }
    package func outage() async -> String? { nil }
    package func reach() async -> String? { await outage() }
}

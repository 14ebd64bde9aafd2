import Foundation
import ModelManifests
import Rollouts

/// Where decisions are kept: one compare-and-swap record a deployment, and the audit trail.
///
/// # Guarantees
/// - `swap` writes the state and the events that it caused as one, or neither. It is durable when it returns.
/// - A swap whose `expecting` is not the record's version writes nothing and throws `StateConflict`: somebody else
///   decided in between, and this pass must end.
public protocol StateStore: EventTrail {
    func records() async throws -> [DeploymentKey: StateRecord]
    func record(for deployment: DeploymentKey) async throws -> StateRecord?
    /// - Parameters:
    ///   - expecting: the version that was read; nil where there was no record.
    ///   - state: the new state, nil to delete the record. Events are kept either way.
    /// - Returns: the new version.
    @discardableResult
    func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent]
    ) async throws -> Int
    /// The same, for a store that shows people how the deployment stands.
    @discardableResult
    func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent], status: DeploymentStatus?
    ) async throws -> Int
    /// Keeps what was decided and carried out while `swap` fails, for the controller after this one: `record(for:)` gives it
    /// back for as long as the record is at that version, and the next `swap` records its events too.
    /// - Returns: false where it cannot be kept.
    func keepAside(
        _ deployment: DeploymentKey, expecting: Int?, state: Data, events: [RolloutEvent]
    ) async -> Bool
    /// What `note(quarantine:of:)` was told last, also where the record is damaged or lost; nil where nothing is known.
    func knownQuarantine(of deployment: DeploymentKey) async -> [Quarantine]?
    /// Keeps a second copy of a record's quarantine. - Parameter quarantine: nil: nothing is left of the deployment.
    func note(quarantine: [Quarantine]?, of deployment: DeploymentKey) async throws
}

extension StateStore {
    public func knownQuarantine(of deployment: DeploymentKey) async -> [Quarantine]? { nil }
    public func note(quarantine: [Quarantine]?, of deployment: DeploymentKey) async throws {}

    public func keepAside(
        _ deployment: DeploymentKey, expecting: Int?, state: Data, events: [RolloutEvent]
    ) async -> Bool { false }

    public func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent], status: DeploymentStatus?
    ) async throws -> Int {
        try await swap(deployment, expecting: expecting, state: state, events: events)
    }
}

/// What was decided, in order.
public protocol EventTrail: Sendable {
    /// Newest first, at most `limit`.
    func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent]
}

/// A trail that also keeps copies of what was decided elsewhere.
public protocol EventArchive: EventTrail {
    /// Adds those that it does not have yet. Of one deployment and origin, what is not above the highest ordinal that was
    /// ever absorbed is known already.
    func absorb(_ copies: [EventCopy]) async throws
}

/// An event whose original is in a record somewhere else.
public struct EventCopy: Hashable, Sendable {
    public var deployment: DeploymentKey
    /// Names the place of the record.
    public var origin: String
    /// Rises with every event of the deployment at this origin.
    public var ordinal: Int
    public var event: RolloutEvent

    public init(deployment: DeploymentKey, origin: String, ordinal: Int, event: RolloutEvent) {
        self.deployment = deployment
        self.origin = origin
        self.ordinal = ordinal
        self.event = event
    }
}

public struct StateRecord: Hashable, Sendable {
    public var version: Int
    public var state: Data
    /// Why it cannot be gone by, and what to do; nil for one that can. Nothing is decided about its deployment.
    public var problem: String?

    public init(version: Int, state: Data, problem: String? = nil) {
        self.version = version
        self.state = state
        self.problem = problem
    }
}

public struct StateConflict: Error, Hashable, Sendable {
    public var deployment: DeploymentKey
    public var expected: Int?
    public var found: Int?

    public init(deployment: DeploymentKey, expected: Int?, found: Int?) {
        self.deployment = deployment
        self.expected = expected
        self.found = found
    }
}

public struct StoredEvent: Hashable, Codable, Sendable, Identifiable {
    /// Rises by at least one with every event; a reader that saw `id` asks for what is after it.
    public var id: Int
    public var deployment: DeploymentKey
    public var event: RolloutEvent

    public init(id: Int, deployment: DeploymentKey, event: RolloutEvent) {
        self.id = id
        self.deployment = deployment
        self.event = event
    }
}

public struct EventFilter: Hashable, Sendable {
    public var deployment: DeploymentKey?
    /// Whose deployment it was at the time.
    public var project: String?
    public var afterId: Int?
    public var since: Date?

    public init(
        deployment: DeploymentKey? = nil, project: String? = nil, afterId: Int? = nil, since: Date? = nil
    ) {
        self.deployment = deployment
        self.project = project
        self.afterId = afterId
        self.since = since
    }
}

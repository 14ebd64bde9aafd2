import Foundation
import ModelManifests
import Rollouts

/// Stores decisions: one record per deployment, written with compare-and-swap, and the events.
///
/// # Guarantees
/// - `swap` writes the state and its events together, or neither. They are durable when it returns.
/// - If `expecting` is not the record's version, `swap` writes nothing and throws `StateConflict`: another writer has decided
///   meanwhile, and this pass must end.
package protocol StateStore: EventTrail {
    func records() async throws -> [DeploymentKey: StateRecord]
    func record(for deployment: DeploymentKey) async throws -> StateRecord?
    /// - Parameters:
    ///   - expecting: the version that was read; nil if there was no record.
    ///   - state: the new state; nil deletes the record. Events are stored either way.
    /// - Returns: the new version.
    @discardableResult
    func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent]
    ) async throws -> Int
    /// The same, for a store that also shows the deployment's status.
    @discardableResult
    func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent], status: DeploymentStatus?
    ) async throws -> Int
    /// Stores a decision that was carried out while `swap` fails, for the next controller. `record(for:)` returns it as long as
    /// the record has that version, and the next `swap` also stores its events.
    /// - Returns: false if it cannot be stored.
    func storeWithdrawal(
        _ deployment: DeploymentKey, expecting: Int?, state: Data, events: [RolloutEvent]
    ) async -> Bool
    /// The last quarantine given to `note(quarantine:of:)`, even if the record is damaged or lost; nil if nothing is known.
    func knownQuarantine(of deployment: DeploymentKey) async -> [Quarantine]?
    /// Stores a second copy of a record's quarantine.
    /// - Parameter quarantine: nil if nothing of the deployment is left.
    func note(quarantine: [Quarantine]?, of deployment: DeploymentKey) async throws
}

extension StateStore {
    package func knownQuarantine(of deployment: DeploymentKey) async -> [Quarantine]? { nil }
    package func note(quarantine: [Quarantine]?, of deployment: DeploymentKey) async throws {}

    package func storeWithdrawal(
        _ deployment: DeploymentKey, expecting: Int?, state: Data, events: [RolloutEvent]
    ) async -> Bool { false }

    package func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent], status: DeploymentStatus?
    ) async throws -> Int {
        try await swap(deployment, expecting: expecting, state: state, events: events)
    }
}

/// The events of decisions, in order.
package protocol EventTrail: Sendable {
    /// Newest first, at most `limit`.
    func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent]
    /// The events with their chain, oldest first, at most `limit`, with ids after this one. A trail without a chain has none.
    func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry]
}

extension EventTrail {
    package func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry] { [] }
}

/// An event trail that also stores copies of events from other places.
package protocol EventArchive: EventTrail {
    /// Adds the copies that are new. For each deployment and origin, a copy is known if its ordinal is not above the highest one
    /// that was ever added.
    func absorb(_ copies: [EventCopy]) async throws
}

/// An event whose original is stored in a record elsewhere.
package struct EventCopy: Hashable, Sendable {
    package var deployment: DeploymentKey
    /// The name of the place of the record.
    package var origin: String
    /// Increases with every event of the deployment at this origin.
    package var ordinal: Int
    package var event: RolloutEvent

    package init(deployment: DeploymentKey, origin: String, ordinal: Int, event: RolloutEvent) {
        self.deployment = deployment
        self.origin = origin
        self.ordinal = ordinal
        self.event = event
    }
}

package struct StateRecord: Hashable, Sendable {
    package var version: Int
    package var state: Data
    /// Why the record must not be used, and what to do; nil if it can be used. Otherwise nothing is decided about its deployment.
    package var problem: String?

    package init(version: Int, state: Data, problem: String? = nil) {
        self.version = version
        self.state = state
        self.problem = problem
    }
}

package struct StateConflict: Error, Hashable, Sendable {
    package var deployment: DeploymentKey
    package var expected: Int?
    package var found: Int?

    package init(deployment: DeploymentKey, expected: Int?, found: Int?) {
        self.deployment = deployment
        self.expected = expected
        self.found = found
    }
}

package struct StoredEvent: Hashable, Codable, Sendable, Identifiable {
    /// Increases by at least one with every event. A reader that saw `id` asks for the events after it.
    package var id: Int
    package var deployment: DeploymentKey
    package var event: RolloutEvent

    package init(id: Int, deployment: DeploymentKey, event: RolloutEvent) {
        self.id = id
        self.deployment = deployment
        self.event = event
    }
}

package struct EventFilter: Hashable, Sendable {
    package var deployment: DeploymentKey?
    /// The project that owned the deployment at the time of the event.
    package var project: String?
    package var afterId: Int?
    package var since: Date?

    package init(
        deployment: DeploymentKey? = nil, project: String? = nil, afterId: Int? = nil, since: Date? = nil
    ) {
        self.deployment = deployment
        self.project = project
        self.afterId = afterId
        self.since = since
    }
}

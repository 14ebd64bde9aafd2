import ControlPorts
import Foundation
import ModelManifests
import Rollouts

/// A model of a state store: the guarantees of `StateStore` in their simplest form. The journal's test suite checks it too.
package actor InMemoryStateStore: StateStore, EventArchive {
    private struct Slot {
        var version: Int
        /// Nil: deleted. The version continues to grow.
        var state: Data?
    }

    private var slots: [DeploymentKey: Slot] = [:]
    private var stored: [StoredEvent] = []
    private var absorbed: [DeploymentKey: [String: Int]] = [:]

    private var failure: (any Error)?
    private var afterSwap: (@Sendable () -> Void)?
    private var isContended = false
    private var problem: String?
    package private(set) var conflicts = 0
    package private(set) var swaps = 0
    /// Swaps block while it is closed, and are made when it opens.
    package nonisolated let swapping = Barrier()

    package init() {}

    /// From now on nothing can be read or written; nil: everything works again.
    package func fail(with error: (any Error)?) { failure = error }

    /// From now on its records have this problem, so that nobody may trust them.
    package func doubt(_ problem: String?) { self.problem = problem }

    /// Called after a swap, before its caller continues.
    package func whenSwapped(_ action: (@Sendable () -> Void)?) { afterSwap = action }

    /// Another writer writes before every swap, so that each swap conflicts.
    package func contend(_ isContended: Bool) { self.isContended = isContended }

    package func records() throws -> [DeploymentKey: StateRecord] {
        if let failure { throw failure }
        return slots.compactMapValues { slot in
            slot.state.map { StateRecord(version: slot.version, state: $0, problem: problem) }
        }
    }

    package func record(for deployment: DeploymentKey) throws -> StateRecord? { try records()[deployment] }

    @discardableResult
    package func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent]
    ) async throws -> Int {
        await swapping.pass()
        if let failure { throw failure }
        if isContended { slots[deployment]?.version += 1 }
        let slot = slots[deployment]
        let found = slot?.state == nil ? nil : slot?.version
        guard found == expecting else {
            conflicts += 1
            throw StateConflict(deployment: deployment, expected: expecting, found: found)
        }
        let version = (slot?.version ?? 0) + 1
        slots[deployment] = Slot(version: version, state: state)
        swaps += 1
        for event in events {
            stored.append(StoredEvent(id: stored.count + 1, deployment: deployment, event: event))
        }
        afterSwap?()
        return version
    }

    package func events(matching filter: EventFilter, limit: Int) -> [StoredEvent] {
        let matching = stored.reversed().lazy.filter { stored in
            (filter.deployment == nil || stored.deployment == filter.deployment)
                && (filter.afterId.map { stored.id > $0 } ?? true)
                && (filter.since.map { stored.event.at >= $0 } ?? true)
        }
        return Array(matching.prefix(max(limit, 0)))
    }

    package func absorb(_ copies: [EventCopy]) {
        for copy in copies.sorted(by: { $0.ordinal < $1.ordinal })
        where copy.ordinal > absorbed[copy.deployment]?[copy.origin] ?? 0 {
            absorbed[copy.deployment, default: [:]][copy.origin] = copy.ordinal
            stored.append(StoredEvent(id: stored.count + 1, deployment: copy.deployment, event: copy.event))
        }
    }
}

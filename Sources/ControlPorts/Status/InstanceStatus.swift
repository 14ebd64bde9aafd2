import ModelManifests
import Serving

/// One running model server.
package struct InstanceStatus: Hashable, Codable, Sendable {
    package var id: String
    package var revision: Revision
    /// `fetching`, `blocked`, `starting`, `ready`, `unready`, `draining`, `crashLooping` or `failed`.
    package var condition: String
    package var restarts: Int
    /// Whether the data plane has ejected it: it gets no requests for a while.
    package var ejected: Bool
    /// What is wrong and what to do; null if nothing is.
    @Nullable package var reason: String?

    package init(
        id: String, revision: Revision, condition: String, restarts: Int = 0, ejected: Bool = false,
        reason: String? = nil
    ) {
        self.id = id
        self.revision = revision
        self.condition = condition
        self.restarts = restarts
        self.ejected = ejected
        self.reason = reason
    }

    package init(_ seen: InstanceObservation) {
        self.init(
            id: seen.id, revision: seen.revision, condition: seen.condition.rawValue, restarts: seen.restarts,
            ejected: seen.isEjected == true, reason: seen.reason)
    }

    /// Whether something is wrong with it.
    package var isTroubled: Bool {
        condition != InstanceObservation.Condition.ready.rawValue || ejected || reason != nil
    }
}

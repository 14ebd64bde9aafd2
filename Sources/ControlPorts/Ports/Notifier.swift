import ModelManifests

/// Notifies people that a rollout was promoted, was rolled back or needs a person, that a deployment is degraded or available
/// again, or that a gate with `warnOnly` failed.
package protocol Notifier: Sendable {
    func notify(_ notice: Notice) async throws
}

package struct Notice: Hashable, Codable, Sendable {
    package enum Kind: String, Codable, CaseIterable, Sendable {
        case promoted, rolledBack
        /// It does not continue by itself: a person must decide.
        case stuck
        /// It serves with fewer instances than it should, or not at all.
        case degraded
        /// It was degraded, and serves as it should again.
        case available
        /// A gate that only warns would have failed. Nothing else happens.
        case warned
    }

    package var kind: Kind
    package var deployment: DeploymentKey
    package var event: StoredEvent

    package init(kind: Kind, deployment: DeploymentKey, event: StoredEvent) {
        self.kind = kind
        self.deployment = deployment
        self.event = event
    }
}

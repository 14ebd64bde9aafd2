import ModelManifests
import Synchronization

/// The owner of each deployment, for backends. Each pass updates it before it carries anything out.
package final class ProjectOwners: Sendable {
    private let owners = Mutex<[DeploymentKey: String]>([:])

    package init() {}

    /// - Returns: nil if it has no owner, or had no pass yet.
    package func project(of deployment: DeploymentKey) -> String? { owners.withLock { $0[deployment] } }

    func note(_ project: String?, of deployment: DeploymentKey) {
        owners.withLock { $0[deployment] = project }
    }
}

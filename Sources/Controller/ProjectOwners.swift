import ModelManifests
import Synchronization

/// The owner of each deployment, for backends. Each pass updates it before it carries anything out.
public final class ProjectOwners: Sendable {
    private let owners = Mutex<[DeploymentKey: String]>([:])

    public init() {}

    /// - Returns: nil if it has no owner, or had no pass yet.
    public func project(of deployment: DeploymentKey) -> String? { owners.withLock { $0[deployment] } }

    func note(_ project: String?, of deployment: DeploymentKey) {
        owners.withLock { $0[deployment] = project }
    }
}

import ModelManifests
import Synchronization

/// Whose each deployment is, for those who serve it: each pass says so before it carries anything out.
public final class ProjectOwners: Sendable {
    private let owners = Mutex<[DeploymentKey: String]>([:])

    public init() {}

    /// - Returns: nil where it is nobody's, or no pass has looked at it yet.
    public func project(of deployment: DeploymentKey) -> String? { owners.withLock { $0[deployment] } }

    func note(_ project: String?, of deployment: DeploymentKey) {
        owners.withLock { $0[deployment] = project }
    }
}

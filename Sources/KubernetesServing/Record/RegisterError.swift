import ModelManifests
import Serving
import Transport

/// Why a ModelDeployment cannot be written.
enum RegisterError: RetryableError, Equatable {
    case anotherController(DeploymentKey, String, own: String)
    /// A controller of the same name that follows another repository owns it now.
    case anotherRepository(DeploymentKey, own: RegisterIdentity)
    case beingDeleted(DeploymentKey, [String])
    /// Its namespace is not watched.
    case outOfSight(DeploymentKey, only: String)
    /// Its namespace is being deleted too, so the object was released.
    case namespaceGoing(DeploymentKey)
    /// One of mlctl's own objects has that name.
    case reservedName(DeploymentKey)
    /// There is no ModelDeployment to hold the record; with the reason if it is known.
    case noObject(DeploymentKey, String?)
    /// The spec from git is not JSON. That never happens for a spec that mlctl has read.
    case unreadableSpec(DeploymentKey)

    var retryClass: RetryClass {
        switch self {
        case .anotherController, .anotherRepository, .outOfSight, .namespaceGoing, .noObject: .waiting
        case .beingDeleted: .transient
        case .unreadableSpec, .reservedName: .terminal
        }
    }

    var message: String {
        switch self {
        case .anotherController(let key, let other, let own):
            "ModelDeployment \(key) belongs to another controller, '\(other)'; this one is '\(own)'. Rename one of the two "
                + "controllers, or hand the object over: kubectl label modeldeployment -n \(key.namespace) \(key.name) "
                + "--overwrite \(RegisterMetadata.controller)=\(own)"
        case .anotherRepository(let key, let own):
            "ModelDeployment \(key) was taken over by a controller that is also called '\(own.controller)' but follows "
                + "another repository, branch or path. Give one of the two another `name` in its settings, and remove the "
                + "manifest from one repository; or take it back: kubectl label modeldeployment -n \(key.namespace) "
                + "\(key.name) --overwrite \(RegisterMetadata.source)=\(own.source)"
        case .beingDeleted(let key, let finalizers):
            "ModelDeployment \(key) was deleted in the cluster but git wants it: it is created again once it is gone"
                + (finalizers.isEmpty ? "" : " (it waits for \(finalizers.joined(separator: ", ")))")
        case .outOfSight(let key, let only):
            "\(key) is outside the namespace '\(only)', the only one that the controller's settings allow in that "
                + "cluster: move the manifest, or remove `namespace` from the cluster's settings"
        case .namespaceGoing(let key):
            "the namespace \(key.namespace) is being deleted, and ModelDeployment \(key) with it: it was released. To keep "
                + "it, create the namespace again once it is gone; otherwise remove the manifest from git"
        case .reservedName(let key):
            "ModelDeployment \(key): '\(key.name)' is the name of mlctl's own objects in every namespace. Give the deployment "
                + "another name"
        case .noObject(let key, let reason):
            "there is no ModelDeployment \(key) to keep its record in"
                + (reason.map { ": \($0)" } ?? "; it is created with the next pass")
        case .unreadableSpec(let key): "the manifest of \(key) cannot be written to the cluster: it is not JSON"
        }
    }
}

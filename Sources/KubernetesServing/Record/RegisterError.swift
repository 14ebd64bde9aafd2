import ModelManifests
import Serving
import Transport

/// Why a ModelDeployment cannot be written.
enum RegisterError: RetryableError, Equatable {
    case anotherController(DeploymentKey, String, own: String)
    /// A controller of the same name that follows another repository has it now.
    case anotherRepository(DeploymentKey, own: RegisterIdentity)
    case beingDeleted(DeploymentKey, [String])
    /// In a namespace that is not looked at.
    case outOfSight(DeploymentKey, only: String)
    /// Its namespace is being deleted too: it was let go of.
    case namespaceGoing(DeploymentKey)
    /// An object of mlctl's own has that name.
    case reservedName(DeploymentKey)
    /// There is no ModelDeployment that could hold the record; why, where that is known.
    case noObject(DeploymentKey, String?)
    /// What git says is no JSON: never so for what was read by mlctl.
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
            "ModelDeployment \(key) is kept by another controller, '\(other)'; this one is '\(own)'. Name one of the two "
                + "otherwise, or hand it over: kubectl label modeldeployment -n \(key.namespace) \(key.name) "
                + "--overwrite \(RegisterWords.controller)=\(own)"
        case .anotherRepository(let key, let own):
            "ModelDeployment \(key) was taken over by a controller that is called '\(own.controller)' too, and follows "
                + "another repository, branch or path. Give one of the two another `name` in its settings, and take the "
                + "manifest out of one repository; or take it back: kubectl label modeldeployment -n \(key.namespace) "
                + "\(key.name) --overwrite \(RegisterWords.source)=\(own.source)"
        case .beingDeleted(let key, let finalizers):
            "ModelDeployment \(key) was deleted in the cluster and git wants it: it is made anew when it is gone"
                + (finalizers.isEmpty ? "" : " (it waits for \(finalizers.joined(separator: ", ")))")
        case .outOfSight(let key, let only):
            "\(key) is outside the namespace '\(only)', the only one that the controller's settings let it look at in that "
                + "cluster: move the manifest, or take `namespace` out of the cluster's settings"
        case .namespaceGoing(let key):
            "the namespace \(key.namespace) is being deleted, and ModelDeployment \(key) with it: it was let go. To keep "
                + "it, create the namespace again when it is gone; otherwise take the manifest out of git"
        case .reservedName(let key):
            "ModelDeployment \(key): mlctl's own objects in every namespace are called '\(key.name)'. Give the deployment "
                + "another name"
        case .noObject(let key, let reason):
            "there is no ModelDeployment \(key) to keep its record in"
                + (reason.map { ": \($0)" } ?? "; it is made with the next pass")
        case .unreadableSpec(let key): "the manifest of \(key) cannot be shown in the cluster: it is no JSON"
        }
    }
}

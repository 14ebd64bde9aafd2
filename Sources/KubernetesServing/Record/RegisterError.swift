import ModelManifests
import Serving

/// Why a ModelDeployment cannot be written.
enum RegisterError: RetryableError, Equatable {
    case anotherController(DeploymentKey, String, own: String)
    case beingDeleted(DeploymentKey, [String])
    /// In a namespace that is not looked at.
    case outOfSight(DeploymentKey, only: String)
    /// What git says is no JSON: never so for what was read by mlctl.
    case unreadableSpec(DeploymentKey)

    var retryClass: RetryClass {
        switch self {
        case .anotherController, .outOfSight: .waiting
        case .beingDeleted: .transient
        case .unreadableSpec: .terminal
        }
    }

    var message: String {
        switch self {
        case .anotherController(let key, let other, let own):
            "ModelDeployment \(key) is kept by another controller, '\(other)'; this one is '\(own)'. Name one of the two "
                + "otherwise, or hand it over: kubectl label modeldeployment -n \(key.namespace) \(key.name) "
                + "--overwrite \(RegisterWords.controller)=\(own)"
        case .beingDeleted(let key, let finalizers):
            "ModelDeployment \(key) was deleted in the cluster and git wants it: it is made anew when it is gone"
                + (finalizers.isEmpty ? "" : " (it waits for \(finalizers.joined(separator: ", ")))")
        case .outOfSight(let key, let only):
            "\(key) is outside the namespace '\(only)', the only one that the controller's settings let it look at in that "
                + "cluster: move the manifest, or take `namespace` out of the cluster's settings"
        case .unreadableSpec(let key): "the manifest of \(key) cannot be shown in the cluster: it is no JSON"
        }
    }
}

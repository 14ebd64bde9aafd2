import ModelManifests

/// The address at which a candidate can be tried in a cluster: the Service of its own pods.
package enum ClusterPreview {
    /// - Returns: nil if the deployment has no preview, or is not in a cluster.
    package static func address(of deployment: ModelDeployment, _ revision: Revision) -> String? {
        guard case .kubernetes = deployment.target, deployment.rollout.preview != nil else { return nil }
        return ServiceRendering.address(
            of: ObjectNames.revision(deployment.key, revision), in: deployment.key.namespace, deployment.endpoint)
    }
}

import ModelManifests

/// The address at which a candidate can be tried in a cluster: the Service of its own pods.
package enum ClusterPreview {
    /// The local port of the suggested port-forward.
    private static let nearPort = 8080

    /// - Returns: nil if the deployment has no preview, or is not in a cluster.
    package static func address(of deployment: ModelDeployment, _ revision: Revision) -> String? {
        guard case .kubernetes = deployment.target, deployment.rollout.preview != nil else { return nil }
        return ServiceRendering.address(
            of: ObjectNames.revision(deployment.key, revision), in: deployment.key.namespace, deployment.endpoint)
    }

    /// The command that reaches the preview from outside the cluster.
    /// - Parameter address: the address in the status.
    /// - Returns: nil if it is not the address of a Service.
    package static func forwarding(_ address: String) -> String? {
        guard address.hasPrefix("http://") else { return nil }
        let place = address.dropFirst("http://".count).split(separator: ":", maxSplits: 1)
        let names = place.first?.split(separator: ".") ?? []
        guard names.count == 3, names[2] == "svc" else { return nil }
        let port = place.count > 1 ? String(place[1]) : String(ServiceRendering.defaultPort)
        return "kubectl -n \(names[1]) port-forward service/\(names[0]) \(nearPort):\(port)"
    }
}

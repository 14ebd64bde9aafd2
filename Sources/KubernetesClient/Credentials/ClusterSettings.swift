import Foundation
import Transport

/// A cluster in the controller's settings.
package struct ClusterSettings: Hashable, Codable, Sendable {
    /// The name that manifests use: `target: {kind: kubernetes, cluster: NAME}`.
    package var name: String
    /// Paths, separated by `:`. Nil: the pod's service account, outside a pod `KUBECONFIG` or `~/.kube/config`.
    package var kubeconfig: String?
    /// Nil: the current context.
    package var context: String?
    /// The only namespace that mlctl watches. Nil: all.
    package var namespace: String?

    package init(name: String, kubeconfig: String? = nil, context: String? = nil, namespace: String? = nil) {
        self.name = name
        self.kubeconfig = kubeconfig
        self.context = context
        self.namespace = namespace
    }

    /// - Throws: `APIError(.credentials)` with the cluster's name in the message.
    package func connection(
        environment: [String: String] = ProcessInfo.processInfo.environment, stopwatch: ClientClock = ClientClock()
    ) throws -> ClusterConnection {
        do {
            if kubeconfig == nil, context == nil, ClusterConnection.isPod(environment) {
                return try .inCluster(environment: environment, stopwatch: stopwatch)
            }
            return try Kubeconfig.read(kubeconfig, environment: environment)
                .connection(context: context, environment: environment, stopwatch: stopwatch)
        } catch var error as APIError {
            error.message = "cluster '\(name)': \(error.message)"
            throw error
        }
    }

    /// A client for the cluster's API server. It sends nothing yet.
    /// - Throws: `APIError(.credentials)` with the cluster's name in the message.
    package func api(
        environment: [String: String] = ProcessInfo.processInfo.environment, stopwatch: ClientClock = ClientClock()
    ) throws -> KubernetesAPI {
        let connection = try connection(environment: environment, stopwatch: stopwatch)
        return KubernetesAPI(
            transport: try HTTPTransport(connection, stopwatch: stopwatch), stopwatch: stopwatch)
    }
}

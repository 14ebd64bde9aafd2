import Foundation
import Transport

/// A cluster, as the controller's settings name it.
public struct ClusterSettings: Hashable, Codable, Sendable {
    /// By which manifests name it: `target: {kind: kubernetes, cluster: NAME}`.
    public var name: String
    /// Paths, separated by `:`. Nil: the service account in a pod, else `KUBECONFIG` or `~/.kube/config`.
    public var kubeconfig: String?
    /// Nil: the current one.
    public var context: String?
    /// Only this one is looked at. Nil: all.
    public var namespace: String?

    public init(name: String, kubeconfig: String? = nil, context: String? = nil, namespace: String? = nil) {
        self.name = name
        self.kubeconfig = kubeconfig
        self.context = context
        self.namespace = namespace
    }

    /// - Throws: `APIError(.credentials)`, which names the cluster.
    public func connection(
        environment: [String: String] = ProcessInfo.processInfo.environment, stopwatch: Stopwatch = Stopwatch()
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

    /// The cluster's API server. Nothing is asked yet.
    /// - Throws: `APIError(.credentials)`, which names the cluster.
    public func api(
        environment: [String: String] = ProcessInfo.processInfo.environment, stopwatch: Stopwatch = Stopwatch()
    ) throws -> KubernetesAPI {
        let connection = try connection(environment: environment, stopwatch: stopwatch)
        return KubernetesAPI(
            transport: try HTTPTransport(connection, stopwatch: stopwatch), stopwatch: stopwatch)
    }
}

import ControlPorts
import Foundation
import KubernetesClient
import ModelManifests
import Serving

/// Logs of a cluster's model servers, fetched from the kubelets through the API server.
package struct ClusterLogs: LogSource {
    /// The most pods of one deployment that are asked.
    static let podsLimit = 32
    /// For one pod: lines may have any length.
    static let bytesLimit = 1 << 20
    /// For one pod, whose node may be unreachable.
    static let podPatience = Duration.seconds(5)

    private struct LoggedPod: KubernetesObject {
        static let resource = ResourceType.pods
        var metadata: ObjectMetadata
    }

    private let api: KubernetesAPI

    package init(api: KubernetesAPI) { self.api = api }

    package func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws
        -> [LogLine]
    {
        var selector = "\(ObjectLabels.selector),\(ObjectLabels.deployment)=\(deployment.name)"
        if let revision { selector += ",\(ObjectLabels.revision)=\(revision)" }
        do {
            let pods = try await api.list(
                LoggedPod.self,
                APIRequest.Selection(namespace: deployment.namespace, labelSelector: selector))
            var all: [LogLine] = []
            for pod in pods.items.sorted(by: { $0.metadata.name < $1.metadata.name }).prefix(
                Self.podsLimit)
            {
                all += try await self.lines(of: pod, lines)
            }
            return all
        } catch let error as APIError {
            throw ClusterServingError(error, about: "logs of \(deployment)")
        }
    }

    /// - Throws: `APIError` if logs may not be read at all. If one pod cannot be asked, one line says so.
    private func lines(of pod: LoggedPod, _ count: Int) async throws -> [LogLine] {
        let revision = Revision(rawValue: pod.metadata.labels[ObjectLabels.revision] ?? "")
        let path = ResourceType.pods.path(
            namespace: pod.metadata.namespace, name: pod.metadata.name, subresource: "log")
        let request = APIRequest(
            .get, path,
            query: [
                .init("container", PodRendering.container), .init("tailLines", String(count)),
                .init("limitBytes", String(Self.bytesLimit)),
            ], accept: "*/*")
        do {
            let text = String(decoding: try await api.once(within: Self.podPatience).answer(to: request), as: UTF8.self)
            return text.split(separator: "\n").map {
                LogLine(revision: revision, instance: pod.metadata.name, text: String($0))
            }
        } catch let error as APIError where error.statusCode == 400 || error.isNotFound {
            return []  // Not started yet, or gone in the meantime.
        } catch let error as APIError where (error.statusCode ?? 0) >= 500 {
            // The pod's node is unreachable: still return the lines of the other pods.
            return [
                LogLine(
                    revision: revision, instance: pod.metadata.name,
                    text: "mlctl: its log cannot be read: \(error.message)")
            ]
        }
    }
}

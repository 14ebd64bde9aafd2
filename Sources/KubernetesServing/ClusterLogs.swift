import Controller
import Foundation
import KubernetesClient
import ModelManifests
import Serving

/// What the model servers of a cluster wrote, from the kubelets by way of the API server.
public struct ClusterLogs: LogSource {
    /// Of one deployment, so many pods are asked.
    static let podsLimit = 32
    /// Of one pod: lines may be of any length.
    static let bytesLimit = 1 << 20
    /// Of one pod, whose node may be away.
    static let podPatience = Duration.seconds(5)

    private struct LoggedPod: KubernetesObject {
        static let resource = ResourceType.pods
        var metadata: ObjectMetadata
    }

    private let api: KubernetesAPI

    public init(api: KubernetesAPI) { self.api = api }

    public func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws
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

    /// - Throws: `APIError` where logs may not be read at all. Of a pod that cannot be asked, one line says so.
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
            return []  // Not started yet, or gone meanwhile.
        } catch let error as APIError where (error.statusCode ?? 0) >= 500 {
            // Its node is away: the other pods' lines are worth having.
            return [
                LogLine(
                    revision: revision, instance: pod.metadata.name,
                    text: "mlctl: its log cannot be read: \(error.message)")
            ]
        }
    }
}

import Foundation
import KubernetesClient
import Logging
import ModelManifests

/// Finds out why applied objects do not serve yet.
extension ClusterBackend {
    /// After this time the backend continues without the answer.
    static let eventsTimeout = Duration.seconds(2)

    func readEventsOfUnexplainedPods(of deployment: DeploymentKey) async {
        let silent = views.pods.all(of: deployment).filter { PodObservation($0).isSilent }.compactMap(\.metadata.uid)
        for uid in silentPods.due(silent, of: deployment, now: clock()) {
            let said = await events(aboutPod: uid, namespace: deployment.namespace)
            silentPods.note(said, of: uid, in: deployment, now: clock())
        }
    }

    private func events(aboutPod uid: String, namespace: String) async -> PodExplanation? {
        do {
            let answer = try await api.once(within: Self.eventsTimeout)
                .answer(to: PodEvent.request(aboutPod: uid, namespace: namespace))
            return PodEvent.word(try JSONDecoder().decode(ObjectList<PodEvent>.self, from: answer).items)
        } catch {
            logger.debug("Events of a pod could not be read", metadata: ["uid": "\(uid)", "error": "\(error)"])
            return nil
        }
    }

    func proxyTrouble(in namespace: String) -> String? {
        let workload = views.workloads.cache[NamespacedName(namespace: namespace, name: ObjectNames.proxy)]
        if let problem = workload.flatMap({ ClusterObservation.problems(of: $0).first }) { return problem }
        let pods = views.pods.cache.all(
            label: ObjectLabels.component, value: ObjectLabels.Component.proxy.rawValue)
        return pods.lazy.filter { $0.metadata.namespace == namespace }.compactMap { pod in
            PodObservation(pod).trouble.map { "\(pod.metadata.name): \($0)" }
        }
        .first
    }
}

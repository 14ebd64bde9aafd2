import Foundation
import KubernetesClient
import Logging
import ModelManifests
import Serving

/// Shortens the grace period of idle pods of retired revisions, which Kubernetes allows at any time.
///
/// Only for revisions that this controller itself retires, and only while it runs. All other pods take their full time.
extension ClusterBackend {
    /// Call it with the next plan before that plan replaces the current one.
    func noteRetired(by plan: ServingPlan) {
        let deployment = plan.deployment
        for revision in plan.revisions where revision.preview != nil {
            previewed[deployment, default: []].insert(revision.revision)
        }
        guard Self.kind(plan.target) == .proxy, let before = plans[deployment] else { return }
        let kept = Set(plan.revisions.map(\.revision))
        let retired = before.revisions.filter { revision in
            !kept.contains(revision.revision)
                && IdlePodTermination.isReleasable(
                    revision, wasPreviewed: previewed[deployment]?.contains(revision.revision) == true)
        }
        previewed[deployment]?.formIntersection(kept)
        if previewed[deployment]?.isEmpty == true { previewed[deployment] = nil }
        guard !retired.isEmpty else { return }
        releasing[deployment, default: []].formUnion(retired.map(\.revision))
        // The task ends when the pods are gone, and when `run` ends.
        if releases[deployment] == nil { releases[deployment] = Task { await self.release(deployment) } }
    }

    private func release(_ deployment: DeploymentKey) async {
        let deadline = clock() + IdlePodTermination.longest
        var released: Set<String> = []
        while clock() < deadline, !Task.isCancelled {
            let pods = retiredPods(of: deployment)
            if pods.isEmpty { break }
            let ending = pods.filter { $0.metadata.deletionTimestamp != nil && !released.contains($0.metadata.name) }
            if !ending.isEmpty {
                let idle = await idle(ending.map(\.metadata.name), of: deployment)
                // Leave a revision alone that serves again in the meantime.
                for pod in retiredPods(of: deployment) where idle.contains(pod.metadata.name) {
                    guard await shorten(pod) else { break }
                    released.insert(pod.metadata.name)
                }
            }
            try? await Task.sleep(for: IdlePodTermination.look)  // Ends early only when cancelled.
        }
        releasing[deployment] = nil
        releases[deployment] = nil
    }

    private func retiredPods(of deployment: DeploymentKey) -> [ManagedObject<PodKind>] {
        for revision in plans[deployment]?.revisions ?? [] { releasing[deployment]?.remove(revision.revision) }
        let retired = releasing[deployment] ?? []
        return views.pods.all(of: deployment).filter { pod in PodObservation(pod).revision.map(retired.contains) == true
        }
    }

    private func idle(_ ending: [String], of deployment: DeploymentKey) async -> Set<String> {
        let proxies = proxyPods(in: deployment.namespace)
        guard let ask = self.proxies else { return [] }
        return IdlePodTermination.idle(ending, proxies: proxies, proxies.isEmpty ? nil : await ask(deployment, false))
    }

    /// Proxies that run or may run, ready or not.
    private func proxyPods(in namespace: String) -> Set<String> {
        let pods = views.pods.cache.all(
            label: ObjectLabels.component, value: ObjectLabels.Component.proxy.rawValue)
        return Set(
            pods.filter {
                $0.metadata.namespace == namespace && !["Succeeded", "Failed"].contains($0.detail.status?.phase ?? "")
            }.map(\.metadata.name))
    }

    /// - Returns: false if the remaining pods should not be tried now.
    private func shorten(_ pod: ManagedObject<PodKind>) async -> Bool {
        do {
            try await api.delete(
                .pods, pod.metadata.key, uid: pod.metadata.uid, graceSeconds: IdlePodTermination.graceSeconds)
            return true
        } catch let error as APIError where error.isConflict {
            return true  // Gone, and replaced by a pod with the same name.
        } catch {
            logger.debug(
                "An idle pod takes its full grace period to end",
                metadata: ["pod": "\(pod.metadata.key)", "reason": "\(error)"])
            return false
        }
    }
}

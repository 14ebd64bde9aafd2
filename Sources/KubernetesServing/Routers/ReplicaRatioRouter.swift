import KubernetesClient
import ModelManifests
import Serving

/// No router: one Service over the pods of all revisions with weight, and numbers of pods in the ratio of the weights.
///
/// The revision with the larger weight keeps all its replicas; the other gets the number that meets the ratio best, at least
/// one. So shares are coarse: with `replicas: 2`, a weight of 5 is one pod of three (33 %); one of a hundred pods is 1 %.
/// kube-proxy splits by connections: long-lived connections move slowly.
struct ReplicaRatioRouter: ClusterRouter {
    func replicas(_ plan: ServingPlan) -> [Revision: Int] {
        let weighted = plan.revisions.filter { $0.weight > 0 }
        guard weighted.count > 1, let largest = weighted.max(by: { $0.weight < $1.weight }) else { return [:] }
        return Dictionary(
            weighted.filter { $0.revision != largest.revision }.map { share in
                let exact = Double(largest.replicas * share.weight) / Double(largest.weight)
                return (share.revision, min(share.replicas, max(1, Int(exact.rounded()))))
            }
        ) { first, _ in first }
    }

    func routes(_ rendering: RouteRendering) -> [WantedObject] {
        let plan = rendering.plan
        let template = (plan.revisions.first { $0.weight > 0 } ?? plan.revisions[0]).template
        let target = ServerPorts.portName(ServerPorts(template.runtime).serving.name)
        return [
            rendering.object(
                .services, name: ObjectNames.shortened(plan.deployment.name), isRoute: true,
                content: [
                    "spec": [
                        "selector": .strings(Self.selector(plan)),
                        "ports": [ServiceRendering.port(plan.endpoint, to: .string(target))],
                    ]
                ])
        ]
    }

    /// Selects one revision if only one has weight, all of the deployment's if several have, and no pod if none has.
    static func selector(_ plan: ServingPlan) -> [String: String] {
        let weighted = plan.revisions.filter { $0.weight > 0 }
        var selector = [ObjectLabels.deployment: plan.deployment.name]
        if weighted.count == 1 { selector[ObjectLabels.revision] = weighted[0].revision.rawValue }
        if weighted.isEmpty { selector[ObjectLabels.revision] = "none" }
        return selector
    }

    func observe(_ seen: RouteInput) -> RouteObservation {
        let name = ObjectNames.shortened(seen.deployment.name)
        guard let plan = seen.plan, seen.object(.services, name) != nil else { return RouteObservation() }
        let isOpen = plan.isOpen
        var view = RouteObservation(weights: weights(plan, seen.ready), mirrors: [:])
        if isOpen {
            view.endpoint = seen.isAnswered ? seen.address(ofService: name) : nil
            view.endpointProblem = seen.isAnswered ? nil : seen.unanswered
        }
        let withoutWeight = plan.revisions.filter { $0.weight == 0 }.count
        if isOpen, withoutWeight > 0, plan.revisions.count - withoutWeight > 1 {
            view.problems.append(
                "a revision without weight gets traffic too: a Service can select either one revision or all of them.")
        }
        return view
    }

    /// The plan's weights, once the planned pods are ready; until then, the real shares.
    private func weights(_ plan: ServingPlan, _ ready: [Revision: Int]) -> [Revision: Int] {
        let replicas = replicas(plan)
        let weighted = plan.revisions.filter { $0.weight > 0 }
        let isInForce = weighted.allSatisfy {
            ready[$0.revision, default: 0] == max(1, replicas[$0.revision] ?? $0.replicas)
        }
        let planned = Dictionary(plan.revisions.map { ($0.revision, $0.weight) }) { $0 + $1 }
        let total = weighted.reduce(0) { $0 + ready[$1.revision, default: 0] }
        guard !isInForce, weighted.count > 1, total > 0 else { return planned }
        return Dictionary(
            plan.revisions.map { ($0.revision, $0.weight > 0 ? 100 * ready[$0.revision, default: 0] / total : 0) }
        ) { $0 + $1 }
    }
}

import KubernetesClient
import ModelManifests
import Serving

/// No router at all: one Service over the pods of all revisions that have weight, and numbers of pods in the ratio of the
/// weights.
///
/// The revision with the larger weight keeps all its replicas; the other has so many that the ratio is met best, at least
/// one. So shares are coarse: with `replicas: 2`, a weight of 5 is one pod of three (33 %); one of a hundred pods is 1 %.
/// Traffic is split by connections, as kube-proxy does: long-lived ones move slowly.
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

    /// One revision while only one has weight, else all of the deployment's; nobody while none has.
    static func selector(_ plan: ServingPlan) -> [String: String] {
        let weighted = plan.revisions.filter { $0.weight > 0 }
        var selector = [ObjectLabels.deployment: plan.deployment.name]
        if weighted.count == 1 { selector[ObjectLabels.revision] = weighted[0].revision.rawValue }
        if weighted.isEmpty { selector[ObjectLabels.revision] = "none" }
        return selector
    }

    func observe(_ seen: RouteSeen) -> RouteView {
        let name = ObjectNames.shortened(seen.deployment.name)
        guard let plan = seen.plan, seen.object(.services, name) != nil else { return RouteView() }
        let isOpen = plan.isOpen
        var view = RouteView(weights: weights(plan, seen.ready), mirrors: [:])
        if isOpen {
            view.endpoint = seen.isAnswered ? seen.address(ofService: name) : nil
            view.endpointProblem = seen.isAnswered ? nil : seen.unanswered
        }
        let withoutWeight = plan.revisions.filter { $0.weight == 0 }.count
        if isOpen, withoutWeight > 0, plan.revisions.count - withoutWeight > 1 {
            view.problems.append(
                "a revision without weight is reached too: the Service can leave out all but one only.")
        }
        return view
    }

    /// The plan's, as soon as the pods that stand for them are ready; until then, the shares that there are.
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

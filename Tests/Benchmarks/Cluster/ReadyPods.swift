import Foundation
import KubernetesClient

/// What kubelets and the Deployment controller would say, where there is neither: a pod for each model's Deployment, and
/// all of them ready.
struct ReadyPods {
    static let lanes = 16

    let cluster: BenchCluster
    let namespace: String

    func make() async throws {
        let deployments = try await cluster.objects(.deployments, in: namespace)
        let orders = deployments.compactMap { Order($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<Self.lanes {
                group.addTask {
                    for index in stride(from: lane, to: orders.count, by: Self.lanes) { try await make(orders[index]) }
                }
            }
            try await group.waitForAll()
        }
    }

    private struct Order: Sendable {
        var name: String
        var replicas: Int
        /// Of the pod; nil for the proxies, whose pods nobody asks here.
        var pod: Data?

        init?(_ deployment: AppliedFields.Fields) {
            guard let name = (deployment["metadata"] as? AppliedFields.Fields)?["name"] as? String,
                let spec = deployment["spec"] as? AppliedFields.Fields,
                let template = spec["template"] as? AppliedFields.Fields,
                let labels = (template["metadata"] as? AppliedFields.Fields)?["labels"] as? [String: String]
            else { return nil }
            self.name = name
            replicas = spec["replicas"] as? Int ?? 1
            guard labels["mlctl.dev/deployment"] != nil else { return }
            pod = try? JSONSerialization.data(withJSONObject: [
                "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "\(name)-0", "labels": labels],
                "spec": ["containers": [["name": "model", "image": "example/model-server:1"]]],
            ])
        }
    }

    private func make(_ order: Order) async throws {
        let api = cluster.api
        if let pod = order.pod {
            try await api.create(.pods, namespace: namespace, body: pod)
            let status = """
                {"status": {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "model", "ready": true, "started": true, "restartCount": 0, "image": "",
                "imageID": "", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}
                """
            let key = ObjectKey(namespace: namespace, name: "\(order.name)-0")
            try await api.merge(.pods, key, body: Data(status.utf8), subresource: "status")
        }
        let status = """
            {"status": {"replicas": \(order.replicas), "updatedReplicas": \(order.replicas),
            "readyReplicas": \(order.replicas), "availableReplicas": \(order.replicas), "observedGeneration": 1}}
            """
        try await api.merge(
            .deployments, ObjectKey(namespace: namespace, name: order.name), body: Data(status.utf8),
            subresource: "status")
    }
}

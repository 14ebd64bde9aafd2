import Foundation
import KubernetesClient

/// Replaces kubelets and the Deployment controller if there are none: a ready pod for each model's Deployment. A second
/// run adds pods for new Deployments.
struct ReadyPods {
    static let lanes = 16

    let cluster: BenchCluster
    let namespace: String
    /// The pods of the proxies, if there are any.
    var proxyAddresses: [String] = []

    func make() async throws {
        let deployments = try await cluster.objects(.deployments, in: namespace)
        let orders = deployments.compactMap { Order($0, proxyAddresses: proxyAddresses) }
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
        struct Pod: Sendable {
            var name: String
            var address: String
            var body: Data
        }

        var name: String
        var replicas: Int
        var pods: [Pod] = []

        init?(_ deployment: AppliedFields.Fields, proxyAddresses: [String]) {
            guard let name = (deployment["metadata"] as? AppliedFields.Fields)?["name"] as? String,
                let spec = deployment["spec"] as? AppliedFields.Fields,
                let template = spec["template"] as? AppliedFields.Fields,
                let labels = (template["metadata"] as? AppliedFields.Fields)?["labels"] as? [String: String]
            else { return nil }
            self.name = name
            replicas = spec["replicas"] as? Int ?? 1
            let isModel = labels["mlctl.dev/deployment"] != nil
            pods = (isModel ? ["127.0.0.1"] : proxyAddresses).enumerated().compactMap { number, address in
                let pod: AppliedFields.Fields = [
                    "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "\(name)-\(number)", "labels": labels],
                    "spec": ["containers": [["name": isModel ? "model" : "proxy", "image": "example/image:1"]]],
                ]
                let body = try? JSONSerialization.data(withJSONObject: pod)
                return body.map { Pod(name: "\(name)-\(number)", address: address, body: $0) }
            }
        }
    }

    private func make(_ order: Order) async throws {
        let api = cluster.api
        for pod in order.pods {
            do {
                try await api.create(.pods, namespace: namespace, body: pod.body)
            } catch let error as APIError where error.isConflict {
                continue
            }
            let status = """
                {"status": {"phase": "Running", "podIP": "\(pod.address)", "podIPs": [{"ip": "\(pod.address)"}],
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "model", "ready": true, "started": true, "restartCount": 0, "image": "",
                "imageID": "", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}
                """
            let key = NamespacedName(namespace: namespace, name: pod.name)
            try await api.merge(.pods, key, body: Data(status.utf8), subresource: "status")
        }
        let status = """
            {"status": {"replicas": \(order.replicas), "updatedReplicas": \(order.replicas),
            "readyReplicas": \(order.replicas), "availableReplicas": \(order.replicas), "observedGeneration": 1}}
            """
        try await api.merge(
            .deployments, NamespacedName(namespace: namespace, name: order.name), body: Data(status.utf8),
            subresource: "status")
    }
}

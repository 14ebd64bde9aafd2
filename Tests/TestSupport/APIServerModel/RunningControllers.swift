import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The cluster's own controllers, step by step: Deployments create pods, a kubelet runs them, Services find them.
extension APIServerModel {
    package mutating func runControllers(now: Date) {
        scaleDeployments(now: now)
        runJobs(now: now)
        runPods(now: now)
        publishEndpoints(now: now)
        reportDeployments(now: now)
    }

    func pods(of deployment: StoredObject) -> [StoredObject] {
        guard let pods = registered(.pods) else { return [] }
        return store.all(pods).filter { pod in
            pod.owners.contains { $0[field: "uid"]?.text == deployment.uid }
        }
    }

    private mutating func scaleDeployments(now: Date) {
        guard let deployments = registered(.deployments), let pods = registered(.pods) else { return }
        for deployment in store.all(deployments) where !deployment.isBeingDeleted {
            let wanted = deployment.replicas
            let hash = deployment.templateHash
            let living = self.pods(of: deployment).filter { !$0.isBeingDeleted }
            let current = living.filter { $0.labels["pod-template-hash"] == hash }
            let old = living.filter { $0.labels["pod-template-hash"] != hash }
            let replacesAtOnce = deployment.json.value(at: "spec", "strategy", "type") == "Recreate"
            if current.count(where: \.isReady) >= wanted || replacesAtOnce {
                for pod in old { remove(pods, pod, propagation: "Background", now: now) }
            }
            if replacesAtOnce, old.isEmpty == false { continue }
            for _ in current.count..<max(wanted, current.count) {
                guard createPod(pods, of: deployment, hash: hash, now: now) else { break }
            }
            let surplus = current.sorted { (!$0.isReady ? 0 : 1, $1.uid) < (!$1.isReady ? 0 : 1, $0.uid) }
            for pod in surplus.prefix(max(0, current.count - wanted)) {
                remove(pods, pod, propagation: "Background", now: now)
            }
        }
    }

    /// - Returns: whether the pod was accepted.
    private mutating func createPod(_ pods: RegisteredType, of deployment: StoredObject, hash: String, now: Date)
        -> Bool
    {
        let template = deployment.json.value(at: "spec", "template") ?? .object([:])
        var pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": template[field: "metadata"] ?? .object([:]),
            "spec": template[field: "spec"] ?? .object([:]),
        ]
        lastUID += 1
        let key = NamespacedName(
            namespace: deployment.key.namespace,
            name: "\(deployment.key.name)-\(hash)-\(String(lastUID, radix: 36))")
        pod.set(.string(key.name), at: "metadata", "name")
        pod.set(.string(hash), at: "metadata", "labels", "pod-template-hash")
        pod.set(
            [deployment.reference(isController: true)], at: "metadata", "ownerReferences")
        let write = PendingWrite(
            type: pods, key: key, subresource: nil,
            manager: FieldManager.Identity(
                name: "kube-controller-manager", operation: .update, apiVersion: "v1", subresource: nil),
            now: now, live: nil)
        do {
            _ = try commit(write, pod)
            failedCreations[deployment.uid] = nil
            return true
        } catch {
            failedCreations[deployment.uid] = (error as? Refusal)?.message ?? "\(error)"
            return false
        }
    }

    private mutating func reportDeployments(now: Date) {
        guard let deployments = registered(.deployments) else { return }
        for deployment in store.all(deployments) {
            let living = pods(of: deployment).filter { !$0.isBeingDeleted }
            let ready = living.count(where: \.isReady)
            let updated = living.count { $0.labels["pod-template-hash"] == deployment.templateHash }
            let isAvailable = ready >= deployment.replicas
            let isFailing = living.count < deployment.replicas
            let failure = failedCreations[deployment.uid] ?? ""
            let since = deployment.json.value(at: "status", "conditions")?.items ?? []
            change(deployments, deployment.key, by: "kube-controller-manager", subresource: "status", now: now) {
                json in
                var status: JSONValue = [
                    "observedGeneration": deployment.json.value(at: "metadata", "generation") ?? 1
                ]
                for (name, count) in [
                    ("replicas", living.count), ("updatedReplicas", updated), ("readyReplicas", ready),
                    ("availableReplicas", ready), ("unavailableReplicas", max(0, deployment.replicas - ready)),
                ] where count > 0 {
                    status[field: name] = .integer(count)
                }
                var conditions = [
                    Condition(
                        "Available", isAvailable,
                        isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable"),
                    Condition("Progressing", true, isAvailable ? "NewReplicaSetAvailable" : "ReplicaSetUpdated"),
                ]
                if isFailing {
                    conditions.append(Condition("ReplicaFailure", true, "FailedCreate", failure))
                }
                status[field: "conditions"] = .array(conditions.map { $0.json(since: since, now: now) })
                json[field: "status"] = status
            }
        }
    }
}

/// A condition of a status. It keeps the time of its last change.
struct Condition {
    var type: String
    var isTrue: Bool
    var reason: String
    var message: String

    init(_ type: String, _ isTrue: Bool, _ reason: String = "", _ message: String = "") {
        self.type = type
        self.isTrue = isTrue
        self.reason = reason
        self.message = message
    }

    func json(since: [JSONValue], now: Date) -> JSONValue {
        let status: JSONValue = isTrue ? "True" : "False"
        let before = since.first { $0[field: "type"]?.text == type && $0[field: "status"] == status }
        var json: JSONValue = [
            "type": .string(type), "status": status,
            "lastTransitionTime": before?[field: "lastTransitionTime"] ?? .string(now.rfc3339),
        ]
        if !reason.isEmpty { json[field: "reason"] = .string(reason) }
        if !message.isEmpty { json[field: "message"] = .string(message) }
        return json
    }
}

extension StoredObject {
    var replicas: Int { json.value(at: "spec", "replicas")?.whole ?? 1 }

    var isReady: Bool { hasCondition("Ready") }

    func hasCondition(_ type: String) -> Bool {
        (json.value(at: "status", "conditions")?.items ?? []).contains {
            $0[field: "type"]?.text == type && $0[field: "status"] == "True"
        }
    }

    /// FNV-1a of the pod template: equal templates, equal pods.
    var templateHash: String {
        let template = json.value(at: "spec", "template") ?? .object([:])
        let hash = template.data.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return String(hash, radix: 36)
    }

    func reference(isController: Bool) -> JSONValue {
        [
            "apiVersion": json[field: "apiVersion"] ?? .null, "kind": json[field: "kind"] ?? .null,
            "name": .string(key.name), "uid": .string(uid), "controller": .bool(isController),
            "blockOwnerDeletion": true,
        ]
    }
}

import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// One EndpointSlice for each Service that selects pods.
extension APIServerModel {
    mutating func publishEndpoints(now: Date) {
        guard let services = registered(.services), let slices = registered(.endpointSlices),
            let pods = registered(.pods)
        else { return }
        for service in store.all(services) where !service.isBeingDeleted {
            let selector = (service.json.value(at: "spec", "selector")?.fields ?? [:]).compactMapValues(\.text)
            guard !selector.isEmpty else { continue }
            let selected = store.all(pods).filter { pod in
                let labels = pod.labels
                return pod.key.namespace == service.key.namespace && selector.allSatisfy { labels[$0.key] == $0.value }
            }
            publish(service, selected, slices, now: now)
        }
    }

    private mutating func publish(
        _ service: StoredObject, _ pods: [StoredObject], _ slices: RegisteredType, now: Date
    ) {
        let key = NamespacedName(
            namespace: service.key.namespace, name: "\(service.key.name)-\(service.uid.suffix(5))")
        let ports = (service.json.value(at: "spec", "ports")?.items ?? []).compactMap { port -> JSONValue? in
            guard let number = Self.target(of: port, in: pods) else { return nil }
            return [
                "name": port[field: "name"] ?? "", "protocol": port[field: "protocol"] ?? "TCP",
                "port": .integer(number),
            ]
        }
        // EndpointSlices have the labels of their Service and two of their own.
        let labels = service.labels.merging([
            "kubernetes.io/service-name": service.key.name,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        ]) { _, own in own }
        let slice: JSONValue = [
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": [
                "name": .string(key.name), "labels": .object(labels.mapValues(JSONValue.string)),
                "ownerReferences": [service.reference(isController: true)],
            ],
            "addressType": "IPv4", "ports": .array(ports),
            "endpoints": .array(pods.compactMap(\.endpoint)),
        ]
        let live = store.object(slices, key)
        let write = PendingWrite(
            type: slices, key: key, subresource: nil,
            manager: FieldManager.Identity(
                name: "kube-controller-manager", operation: .update, apiVersion: "discovery.k8s.io/v1",
                subresource: nil),
            now: now, live: live)
        // After a refusal (a terminating namespace, a quota) the slice stays as it was.
        _ = try? commit(write, slice)
    }

    /// The number of a port, which may be given by name.
    private static func target(of port: JSONValue, in pods: [StoredObject]) -> Int? {
        let target = port[field: "targetPort"] ?? port[field: "port"]
        if let number = target?.whole { return number }
        let name = target?.text
        let ports = pods.first?.json.value(at: "spec", "containers")?.items.flatMap { $0[field: "ports"]?.items ?? [] }
        return ports?.first { $0[field: "name"]?.text == name }?[field: "containerPort"]?.whole
    }
}

extension StoredObject {
    /// Nil if the pod has no address yet.
    fileprivate var endpoint: JSONValue? {
        guard let address = json.value(at: "status", "podIP")?.text else { return nil }
        return [
            "addresses": [.string(address)],
            "conditions": [
                "ready": .bool(isReady && !isBeingDeleted), "serving": .bool(isReady),
                "terminating": .bool(isBeingDeleted),
            ],
            "nodeName": json.value(at: "spec", "nodeName") ?? .null,
            "targetRef": [
                "kind": "Pod", "name": .string(key.name), "namespace": .string(key.namespace ?? ""),
                "uid": .string(uid),
            ],
        ]
    }
}

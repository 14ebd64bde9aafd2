import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The path of every write into the store: what the server keeps, checks, counts and remembers.
extension APIServerModel {
    /// - Returns: the object after the write; the earlier one if nothing changed.
    mutating func commit(_ write: PendingWrite, _ wanted: JSONValue) throws -> StoredObject {
        try checkVersion(wanted, write)
        try checkNamespace(write)
        var new = write.type.pruned(withServersFields(wanted, write))
        new = write.type.defaulted(new)
        if write.live == nil { new = initial(new, write) }
        try check(new, write)
        try refusals.check(new, write, in: store)
        countGeneration(&new, write)

        var object = StoredObject(json: new, ownership: write.live?.ownership ?? FieldOwnership())
        if let ownership = write.ownership {
            object.ownership = ownership
        } else {
            object.ownership.update(
                write.live?.json, to: new, schema: write.type.schema, by: write.manager, now: write.now)
        }
        if let live = write.live, live.isSame(as: object) { return live }
        guard object.answer.data.count <= Self.largestObjectBytes else {
            throw Refusal(500, nil, "etcdserver: request is too large")
        }
        if object.mayGo, let live = write.live {
            removeForGood(write.type, write.key)
            object.json.set(live.json.value(at: "metadata", "resourceVersion"), at: "metadata", "resourceVersion")
            return object
        }
        let stored = store.put(write.type, object)
        if write.type.resource == .customResourceDefinitions { registerTypes() }
        return stored
    }

    /// A namespace must exist, and must not be terminating, before anything is created in it.
    func checkNamespace(_ write: PendingWrite) throws {
        guard write.live == nil, let name = write.key.namespace, let namespaces = registered(.namespaces) else {
            return
        }
        guard let namespace = store.object(namespaces, NamespacedName(name: name)) else {
            throw Refusal.notFound(namespaces, name)
        }
        if namespace.isBeingDeleted {
            throw Refusal.forbidden(
                write.type, write.key.name,
                "unable to create new content in namespace \(name) because it is being terminated",
                causes: [
                    Refusal.Cause(
                        reason: "NamespaceTerminating", message: "namespace \(name) is being terminated",
                        field: "metadata.namespace")
                ])
        }
    }

    /// The fields that the server sets itself whatever the client sent, and the part of the object that this write does not
    /// cover.
    private func withServersFields(_ wanted: JSONValue, _ write: PendingWrite) -> JSONValue {
        var new = wanted
        if write.subresource == "status", let live = write.live {
            new = live.json
            new[field: "status"] = wanted[field: "status"]
        } else if write.type.hasStatus {
            new[field: "status"] = write.live?.json[field: "status"]
        }
        new[field: "apiVersion"] = .string(write.type.resource.apiVersion)
        new[field: "kind"] = .string(write.type.resource.kind)
        new.set(.string(write.key.name), at: "metadata", "name")
        new.set(write.key.namespace.map { .string($0) }, at: "metadata", "namespace")
        for name in [
            "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] {
            new.set(write.live?.json.value(at: "metadata", name), at: "metadata", name)
        }
        // A service keeps its address, even if a replace leaves it out.
        for name in ["clusterIP", "clusterIPs"] where write.type.resource == .services {
            guard let given = write.live?.json.value(at: "spec", name), new[field: "spec"] != nil else { continue }
            new.change("spec") { $0.fill(name, given) }
        }
        for name in ["labels", "annotations", "finalizers", "ownerReferences"]
        where new.value(at: "metadata", name)?.isHollow == true {
            new.set(nil, at: "metadata", name)
        }
        // The server's own types store no empty maps: writing an empty map writes none.
        for name in ["data", "binaryData", "stringData"]
        where !write.type.isCustom && new[field: name]?.isHollow == true {
            new[field: name] = nil
        }
        return new
    }

    private mutating func initial(_ new: JSONValue, _ write: PendingWrite) -> JSONValue {
        var new = new
        lastUID += 1
        let digits = String(lastUID)
        let uid = "00000000-0000-4000-8000-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
        new.set(.string(uid), at: "metadata", "uid")
        new.set(.string(write.now.rfc3339), at: "metadata", "creationTimestamp")
        if let status = write.type.initialStatus { new[field: "status"] = status }
        if write.type.resource == .jobs {
            let labels = [
                "batch.kubernetes.io/controller-uid": uid, "controller-uid": uid,
                "batch.kubernetes.io/job-name": write.key.name, "job-name": write.key.name,
            ]
            for (name, value) in labels {
                new.set(.string(value), at: "spec", "template", "metadata", "labels", name)
            }
        }
        if write.type.resource == .services, new.value(at: "spec", "clusterIP") == nil {
            let address: JSONValue = .string("10.0.\(lastUID / 250 % 250).\(lastUID % 250 + 1)")
            new.set(address, at: "spec", "clusterIP")
            new.set([address], at: "spec", "clusterIPs")
        }
        return new
    }

    private func countGeneration(_ new: inout JSONValue, _ write: PendingWrite) {
        guard write.type.countsGenerations else { return }
        guard let live = write.live else {
            new.set(1, at: "metadata", "generation")
            return
        }
        if write.subresource == "status" { return }
        if write.type.isCounted(from: live.json, to: new) {
            new.set(
                .integer((live.json.value(at: "metadata", "generation")?.whole ?? 0) + 1), at: "metadata", "generation")
        }
    }

    /// Removes the object from the store. If it is a definition, its type goes too.
    mutating func removeForGood(_ type: RegisteredType, _ key: NamespacedName) {
        store.remove(type, key)
        if type.resource == .customResourceDefinitions { registerTypes() }
    }

    private mutating func registerTypes() {
        guard let definitions = registered(.customResourceDefinitions) else { return }
        types = RegisteredType.builtIn + store.all(definitions).flatMap { RegisteredType.defined(by: $0.json) }
    }
}

extension StoredObject {
    /// Whether it is being deleted and nothing holds it.
    var mayGo: Bool {
        guard isBeingDeleted, finalizers.isEmpty else { return false }
        if (json.value(at: "spec", "finalizers")?.items ?? []).isEmpty == false, json[field: "kind"] == "Namespace" {
            return false
        }
        return (json.value(at: "metadata", "deletionGracePeriodSeconds")?.whole ?? 0) == 0
    }

    /// Whether no write is needed: changed times of ownership alone do not count.
    fileprivate func isSame(as other: StoredObject) -> Bool {
        json == other.json
            && Dictionary(grouping: ownership.managers) { $0.identity }.mapValues { $0.map(\.fields) }
                == Dictionary(grouping: other.ownership.managers) { $0.identity }.mapValues { $0.map(\.fields) }
    }
}

extension RegisteredType {
    fileprivate func isCounted(from old: JSONValue, to new: JSONValue) -> Bool {
        var (old, new) = (old, new)
        if resource == .deployments,
            old.value(at: "metadata", "annotations") != new.value(at: "metadata", "annotations")
        {
            return true
        }
        // Binding a pod to a node is not a change of its desired state.
        if resource == .pods {
            old.set(nil, at: "spec", "nodeName")
            new.set(nil, at: "spec", "nodeName")
        }
        for name in hasStatus ? ["metadata", "status"] : ["metadata"] {
            old[field: name] = nil
            new[field: name] = nil
        }
        return old != new
    }
}

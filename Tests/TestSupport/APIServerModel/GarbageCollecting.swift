import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The garbage collector, and the ends of namespaces and of definitions, as one pass over all objects.
extension APIServerModel {
    private struct Found {
        var type: RegisteredType
        var object: StoredObject
    }

    /// Repeats passes until nothing is left to collect.
    package mutating func collectGarbage(now: Date) {
        // Each pass removes one level of ownership. No chain of owners is longer than this.
        for _ in 0..<16 {
            let before = store.revision
            endDefinitions(now: now)
            endNamespaces(now: now)
            collectDependents(now: now)
            releaseOwners(now: now)
            if store.revision == before { return }
        }
    }

    private var everything: [Found] {
        types.flatMap { type in store.all(type).map { Found(type: type, object: $0) } }
    }

    /// Objects whose owners are all gone, or are being deleted in the foreground.
    private mutating func collectDependents(now: Date) {
        let all = everything
        let byUID = Dictionary(all.map { ($0.object.uid, $0.object) }) { first, _ in first }
        for found in all where !found.object.owners.isEmpty {
            let owners = found.object.owners.map { reference in
                reference[field: "uid"]?.text.flatMap { byUID[$0] }.flatMap { owner in
                    owner.key.namespace == nil || owner.key.namespace == found.object.key.namespace ? owner : nil
                }
            }
            let present = owners.compactMap { $0 }
            if present.contains(where: { $0.finalizers.contains(Self.orphanFinalizer) && $0.isBeingDeleted }) {
                continue
            }
            let isHeld = present.contains {
                !($0.isBeingDeleted && $0.finalizers.contains(Self.foregroundFinalizer))
            }
            if !isHeld {
                remove(found.type, found.object, propagation: "Background", now: now)
            } else if present.count < owners.count {
                let left = zip(found.object.owners, owners).filter { $0.1 != nil }.map(\.0)
                change(found.type, found.object.key, by: "kube-controller-manager", now: now) {
                    $0.set(.array(left), at: "metadata", "ownerReferences")
                }
            }
        }
    }

    /// Releases owners that waited for their dependents, and owners whose dependents are orphaned.
    private mutating func releaseOwners(now: Date) {
        for owner in everything where owner.object.isBeingDeleted {
            let dependents = everything.filter { found in
                found.object.owners.contains { $0[field: "uid"]?.text == owner.object.uid }
            }
            if owner.object.finalizers.contains(Self.foregroundFinalizer) {
                let blocks = dependents.contains { found in
                    found.object.owners.contains {
                        $0[field: "uid"]?.text == owner.object.uid && $0[field: "blockOwnerDeletion"] == true
                    }
                }
                if !blocks { release(owner, Self.foregroundFinalizer, now: now) }
            }
            if owner.object.finalizers.contains(Self.orphanFinalizer) {
                for dependent in dependents {
                    let left = dependent.object.owners.filter { $0[field: "uid"]?.text != owner.object.uid }
                    change(dependent.type, dependent.object.key, by: "kube-controller-manager", now: now) {
                        $0.set(.array(left), at: "metadata", "ownerReferences")
                    }
                }
                release(owner, Self.orphanFinalizer, now: now)
            }
        }
    }

    private mutating func release(_ owner: Found, _ finalizer: String, now: Date) {
        change(owner.type, owner.object.key, by: "kube-controller-manager", now: now) { json in
            let left = owner.object.finalizers.filter { $0 != finalizer }
            json.set(left.isEmpty ? nil : .array(left.map { .string($0) }), at: "metadata", "finalizers")
        }
    }

    private mutating func endNamespaces(now: Date) {
        guard let namespaces = registered(.namespaces) else { return }
        for namespace in store.all(namespaces) where namespace.isBeingDeleted {
            let content = everything.filter { $0.object.key.namespace == namespace.key.name }
            for found in content where !found.object.isBeingDeleted {
                remove(found.type, found.object, propagation: "Background", now: now)
            }
            if content.isEmpty, namespace.finalizers.isEmpty { removeForGood(namespaces, namespace.key) }
        }
    }

    private mutating func endDefinitions(now: Date) {
        guard let definitions = registered(.customResourceDefinitions) else { return }
        for definition in store.all(definitions) where definition.isBeingDeleted {
            var isEmpty = true
            for type in RegisteredType.defined(by: definition.json) {
                for object in store.all(type) where !object.isBeingDeleted {
                    remove(type, object, propagation: "Background", now: now)
                }
                isEmpty = isEmpty && store.all(type).isEmpty
            }
            if isEmpty { release(Found(type: definitions, object: definition), Self.definitionFinalizer, now: now) }
        }
    }

    /// A write by one of the cluster's own controllers. After a refusal the object stays as it was until the next pass.
    @discardableResult
    mutating func change(
        _ type: RegisteredType, _ key: NamespacedName, by manager: String, subresource: String? = nil, now: Date,
        _ body: (inout JSONValue) -> Void
    ) -> StoredObject? {
        guard let live = store.object(type, key) else { return nil }
        var new = live.json
        body(&new)
        let write = PendingWrite(
            type: type, key: key, subresource: subresource,
            manager: FieldManager.Identity(
                name: manager, operation: .update, apiVersion: type.resource.apiVersion, subresource: subresource),
            now: now, live: live)
        return try? commit(write, new)
    }
}

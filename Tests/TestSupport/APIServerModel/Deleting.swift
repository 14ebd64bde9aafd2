import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Deletes at once, or marks the object and waits for finalizers, dependents or the pod's end.
extension APIServerModel {
    static let foregroundFinalizer = "foregroundDeletion"
    static let orphanFinalizer = "orphan"
    static let definitionFinalizer = "customresourcecleanup.apiextensions.k8s.io"

    mutating func delete(_ request: ResourceRequest, body: Data?, now: Date) throws -> JSONValue {
        guard request.name != nil else { throw Refusal.unknownResource }
        let options = body.flatMap { JSONValue(data: $0) } ?? .object([:])
        guard let live = store.object(request.type, request.key) else {
            throw Refusal.notFound(request.type, request.key.name)
        }
        try checkPreconditions(options[field: "preconditions"], live, request.type)
        let propagation = options[field: "propagationPolicy"]?.text ?? request["propagationPolicy"]
        let left = remove(
            request.type, live, propagation: propagation, graceSeconds: options[field: "gracePeriodSeconds"]?.whole,
            now: now)
        if let left { return left.answer }
        if request.type.answersDeletedObject { return live.answer }
        var details: JSONValue = [
            "name": .string(live.key.name), "kind": .string(request.type.resource.plural), "uid": .string(live.uid),
        ]
        if !request.type.resource.group.isEmpty { details[field: "group"] = .string(request.type.resource.group) }
        return [
            "kind": "Status", "apiVersion": "v1", "metadata": .object([:]), "status": "Success", "details": details,
        ]
    }

    /// - Returns: the object if something holds it; nil if it is gone.
    @discardableResult
    mutating func remove(
        _ type: RegisteredType, _ live: StoredObject, propagation: String?, graceSeconds: Int? = nil, now: Date
    ) -> StoredObject? {
        var object = live
        if !live.isBeingDeleted {
            var finalizers = live.finalizers
            if propagation == "Foreground" { finalizers.append(Self.foregroundFinalizer) }
            if propagation == "Orphan" { finalizers.append(Self.orphanFinalizer) }
            if type.resource == .customResourceDefinitions { finalizers.append(Self.definitionFinalizer) }
            if !finalizers.isEmpty {
                object.json.set(.array(finalizers.map { .string($0) }), at: "metadata", "finalizers")
            }
            let grace = graceSeconds ?? type.graceSeconds(of: live)
            object.json.set(.string(now.addingTimeInterval(Double(grace)).rfc3339), at: "metadata", "deletionTimestamp")
            object.json.set(.integer(grace), at: "metadata", "deletionGracePeriodSeconds")
            if let generation = live.json.value(at: "metadata", "generation")?.whole {
                object.json.set(.integer(generation + 1), at: "metadata", "generation")
            }
            if type.resource == .namespaces { object.json.set("Terminating", at: "status", "phase") }
        } else {
            if let graceSeconds { object.shortenGrace(to: graceSeconds) }
            // A later deletion may still ask to orphan the dependents.
            if propagation == "Orphan", !live.finalizers.contains(Self.orphanFinalizer) {
                let finalizers = live.finalizers.filter { $0 != Self.foregroundFinalizer } + [Self.orphanFinalizer]
                object.json.set(.array(finalizers.map { .string($0) }), at: "metadata", "finalizers")
            }
        }
        if object.mayGo {
            removeForGood(type, live.key)
            return nil
        }
        return object == live ? live : store.put(type, object)
    }

    private func checkPreconditions(_ wanted: JSONValue?, _ live: StoredObject, _ type: RegisteredType) throws {
        if let uid = wanted?[field: "uid"]?.text, uid != live.uid {
            throw Refusal.conflict(
                type, live.key.name, kind: type.resource.kind,
                "the UID in the precondition (\(uid)) does not match the UID in record (\(live.uid)). The object might "
                    + "have been deleted and then recreated")
        }
        let found = live.json.value(at: "metadata", "resourceVersion")?.text ?? ""
        if let version = wanted?[field: "resourceVersion"]?.text, version != found {
            throw Refusal.conflict(
                type, live.key.name, kind: type.resource.kind,
                "the ResourceVersion in the precondition (\(version)) does not match the ResourceVersion in record "
                    + "(\(found)). The object might have been modified")
        }
    }
}

extension StoredObject {
    /// Never longer: an ending pod ends at the time that was set, or sooner.
    fileprivate mutating func shortenGrace(to seconds: Int) {
        guard let before = json.value(at: "metadata", "deletionGracePeriodSeconds")?.whole, seconds < before else {
            return
        }
        json.set(.integer(seconds), at: "metadata", "deletionGracePeriodSeconds")
        guard let text = json.value(at: "metadata", "deletionTimestamp")?.text,
            let end = try? Date(text, strategy: .iso8601)
        else { return }
        let sooner = end.addingTimeInterval(Double(seconds - before))
        json.set(.string(sooner.rfc3339), at: "metadata", "deletionTimestamp")
    }
}

extension RegisteredType {
    /// A pod on a node gets time to end.
    fileprivate func graceSeconds(of object: StoredObject) -> Int {
        guard resource == .pods, object.json.value(at: "spec", "nodeName") != nil else { return 0 }
        return object.json.value(at: "spec", "terminationGracePeriodSeconds")?.whole ?? 30
    }
}

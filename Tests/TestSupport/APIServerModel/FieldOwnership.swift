import Foundation
import JSON
import ModelManifests

/// One entry of `metadata.managedFields`.
struct FieldManager: Hashable, Sendable {
    enum Operation: String, Hashable, Sendable { case apply = "Apply", update = "Update" }

    /// Identifies a manager: two entries with the same identity are one.
    struct Identity: Hashable, Sendable {
        var name: String
        var operation: Operation
        var apiVersion: String
        var subresource: String?
    }

    var identity: Identity
    var fields: FieldSet
    var time: Date

    var encoded: JSONValue {
        var value: JSONValue = .object([
            "manager": .string(identity.name), "operation": .string(identity.operation.rawValue),
            "apiVersion": .string(identity.apiVersion), "time": .string(time.rfc3339), "fieldsType": "FieldsV1",
            "fieldsV1": fields.encoded,
        ])
        value[field: "subresource"] = identity.subresource.map { .string($0) }
        return value
    }
}

extension Date {
    /// RFC 3339 in whole seconds, the format of `metav1.Time`.
    var rfc3339: String { formatted(.iso8601) }
}

/// Who owns which fields of an object: the rules of server-side apply and of other writes.
struct FieldOwnership: Hashable, Sendable {
    var managers: [FieldManager] = []

    struct Conflict: Hashable, Sendable {
        var manager: FieldManager.Identity
        var field: String
    }

    /// In the order in which the server writes them.
    var encoded: [JSONValue] {
        managers.sorted {
            ($0.identity.operation.rawValue, $0.time, $0.identity.name)
                < ($1.identity.operation.rawValue, $1.time, $1.identity.name)
        }
        .map(\.encoded)
    }

    private func fields(of identity: FieldManager.Identity) -> FieldSet {
        managers.first { $0.identity == identity }?.fields ?? FieldSet()
    }

    private mutating func setFields(_ fields: FieldSet, of identity: FieldManager.Identity, now: Date) {
        guard let index = managers.firstIndex(where: { $0.identity == identity }) else {
            if !fields.isEmpty { managers.append(FieldManager(identity: identity, fields: fields, time: now)) }
            return
        }
        if managers[index].fields == fields { return }
        managers[index].fields = fields
        managers[index].time = now
        managers.removeAll { $0.fields.isEmpty }
    }

    private mutating func takeFromOthers(_ fields: FieldSet, than identity: FieldManager.Identity) {
        for index in managers.indices where managers[index].identity != identity {
            managers[index].fields = managers[index].fields.subtracting(fields)
        }
        managers.removeAll { $0.fields.isEmpty }
    }

    /// A create, a replace or a patch: the manager that changes a field owns it.
    mutating func update(
        _ live: JSONValue?, to new: JSONValue, schema: FieldSchema, by identity: FieldManager.Identity, now: Date
    ) {
        let difference = schema.difference(from: live ?? .object([:]), to: new)
        takeFromOthers(difference.touched, than: identity)
        let own = fields(of: identity).subtracting(difference.removed).union(difference.written)
        setFields(Self.owned(own, subresource: identity.subresource), of: identity, now: now)
    }

    /// Server-side apply.
    /// - Returns: the new object, or the conflicting managers.
    mutating func apply(
        _ config: JSONValue, to live: JSONValue?, schema: FieldSchema, by identity: FieldManager.Identity,
        force: Bool, now: Date
    ) -> Result<JSONValue, Conflicts> {
        let applied = Self.owned(schema.fieldSet(of: config), subresource: identity.subresource)
        let last = fields(of: identity)
        var next = self
        next.setFields(applied, of: identity, now: now)
        let merged = schema.merge(live, config)
        let gone = next.unowned(in: merged, last: last, schema: schema)
        // A map that pruning emptied still belongs to the manager that created it, although nothing of it is stored.
        let pruned = schema.remove(gone, from: merged, keepsHollow: true)
        let difference = schema.difference(from: live ?? .object([:]), to: pruned)
        let conflicts = managers.filter { $0.identity != identity }.flatMap { manager in
            manager.fields.intersection(difference.written).descriptions.map {
                Conflict(manager: manager.identity, field: $0)
            }
        }
        if !conflicts.isEmpty, !force { return .failure(Conflicts(conflicts: conflicts)) }
        // Pruned fields are gone for other managers too: they no longer own what they had written into them.
        next.takeFromOthers(difference.touched, than: identity)
        self = next
        return .success(schema.remove(gone, from: merged) ?? .object([:]))
    }

    struct Conflicts: Error, Hashable { var conflicts: [Conflict] }

    /// The fields that the manager applied last time and that nobody owns any more.
    private func unowned(in merged: JSONValue, last: FieldSet, schema: FieldSchema) -> FieldSet {
        guard !last.isEmpty else { return FieldSet() }
        let last = schema.withNamedFields(last)
        let pruned = schema.remove(last, from: merged) ?? .object([:])
        let managed = managers.reduce(into: FieldSet()) { $0 = $0.union($1.fields) }
        let all = schema.withNamedFields(schema.fieldSet(of: merged))
        return all.subtracting(schema.withNamedFields(schema.fieldSet(of: pruned)))
            .subtracting(schema.withNamedFields(managed)).intersection(last)
    }

    /// Nobody owns what the server sets; the status belongs only to its subresource.
    private static func owned(_ set: FieldSet, subresource: String?) -> FieldSet {
        var set = set.without("apiVersion").without("kind")
        for name in [
            "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
            "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
        ] {
            set = set.without("metadata", name)
        }
        set.paths.remove([.field("metadata")])
        return subresource == "status" ? set.within("status") : set
    }
}

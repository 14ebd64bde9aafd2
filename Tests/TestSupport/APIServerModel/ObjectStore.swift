import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// An object as it is stored: its JSON without `managedFields`, and who owns which of its fields.
struct StoredObject: Hashable, Sendable {
    var json: JSONValue
    var ownership = FieldOwnership()

    /// The object as the server answers it.
    var answer: JSONValue {
        var answer = json
        let managed = ownership.encoded
        answer.set(managed.isEmpty ? nil : .array(managed), at: "metadata", "managedFields")
        return answer
    }

    var key: NamespacedName {
        NamespacedName(
            namespace: json.value(at: "metadata", "namespace")?.text,
            name: json.value(at: "metadata", "name")?.text ?? "")
    }
    var uid: String { json.value(at: "metadata", "uid")?.text ?? "" }
    var labels: [String: String] {
        (json.value(at: "metadata", "labels")?.fields ?? [:]).compactMapValues(\.text)
    }
    var finalizers: [String] { (json.value(at: "metadata", "finalizers")?.items ?? []).compactMap(\.text) }
    var isBeingDeleted: Bool { json.value(at: "metadata", "deletionTimestamp") != nil }
    var owners: [JSONValue] { json.value(at: "metadata", "ownerReferences")?.items ?? [] }
}

/// One change of one object.
struct StoredChange: Sendable {
    var revision: Int
    var type: String
    var key: NamespacedName
    var before: StoredObject?
    /// Nil: deleted.
    var after: StoredObject?
}

/// All objects under one revision, with their history since the last compaction.
struct ObjectStore: Sendable {
    /// Shared by all types, as in etcd.
    private(set) var revision = 1
    /// Changes up to this revision are dropped.
    private(set) var compactedRevision = 0
    private var objects: [String: [NamespacedName: StoredObject]] = [:]
    private var history: [StoredChange] = []
    let historyLimit: Int

    init(historyLimit: Int) { self.historyLimit = historyLimit }

    func object(_ type: RegisteredType, _ key: NamespacedName) -> StoredObject? { objects[type.storageKey]?[key] }

    /// In the order of their keys, as the server lists them.
    func all(_ type: RegisteredType) -> [StoredObject] {
        (objects[type.storageKey] ?? [:]).values.sorted { $0.key.order < $1.key.order }
    }

    /// The objects as they were at a revision.
    /// - Returns: nil if that revision was compacted.
    func all(_ type: RegisteredType, at past: Int) -> [StoredObject]? {
        guard past >= compactedRevision else { return nil }
        var found = objects[type.storageKey] ?? [:]
        for change in history.reversed() {
            guard change.revision > past else { break }
            if change.type == type.storageKey { found[change.key] = change.before }
        }
        return found.values.sorted { $0.key.order < $1.key.order }
    }

    /// - Returns: nil if some of the changes were compacted.
    func changes(of type: RegisteredType, after past: Int) -> [StoredChange]? {
        guard past >= compactedRevision else { return nil }
        return history.reversed().prefix { $0.revision > past }.reversed().filter { $0.type == type.storageKey }
    }

    /// Stores the object under the next revision.
    mutating func put(_ type: RegisteredType, _ object: StoredObject) -> StoredObject {
        revision += 1
        var object = object
        object.json.set(.string(String(revision)), at: "metadata", "resourceVersion")
        let before = objects[type.storageKey, default: [:]].updateValue(object, forKey: object.key)
        remember(
            StoredChange(revision: revision, type: type.storageKey, key: object.key, before: before, after: object))
        return object
    }

    mutating func remove(_ type: RegisteredType, _ key: NamespacedName) {
        guard let before = objects[type.storageKey]?.removeValue(forKey: key) else { return }
        revision += 1
        remember(StoredChange(revision: revision, type: type.storageKey, key: key, before: before, after: nil))
    }

    private mutating func remember(_ change: StoredChange) {
        history.append(change)
        // Drops a quarter at a time: dropping one by one would move the rest with every write.
        guard history.count > historyLimit + historyLimit / 4 else { return }
        let forgotten = history.count - historyLimit
        compactedRevision = history[forgotten - 1].revision
        history.removeFirst(forgotten)
    }

    /// Drops all changes up to now.
    mutating func compact() {
        compactedRevision = revision
        history = []
    }

    /// Something outside the model was written: the revision increases, and none of our objects changes.
    mutating func skipRevision() { revision += 1 }
}

extension RegisteredType {
    /// Versions of a type share their objects.
    var storageKey: String { qualifiedPlural }
}

extension NamespacedName {
    var order: String { (namespace.map { $0 + "/" } ?? "") + name }
}

/// Objects by key and by label, and the objects that are gathered to replace them.
struct CacheContents<Object: KubernetesObject>: Sendable {
    private(set) var objects: [NamespacedName: Object] = [:]
    /// Why an object cannot be read. Its last readable state stays in `objects`, if there is one.
    private(set) var unreadable: [NamespacedName: String] = [:]
    private var gathered: [NamespacedName: Object] = [:]
    private var gatheredUnreadable: [NamespacedName: String] = [:]
    /// Label to value to keys.
    private var index: [String: [String: Set<NamespacedName>]]

    init(indexedLabels: [String] = []) {
        index = Dictionary(indexedLabels.map { ($0, [:]) }) { first, _ in first }
    }

    var isIndexed: Set<String> { Set(index.keys) }

    func keys(label: String, value: String) -> Set<NamespacedName> {
        if let values = index[label] { return values[value] ?? [] }
        return Set(objects.lazy.filter { $0.value.metadata.labels[label] == value }.map(\.key))
    }

    mutating func beginGathering() {
        gathered = [:]
        gatheredUnreadable = [:]
    }

    mutating func gather(_ object: Object) {
        gathered[object.metadata.key] = object
        gatheredUnreadable[object.metadata.key] = nil
    }

    mutating func gather(unreadable metadata: ObjectMetadata, reason: String) {
        gathered[metadata.key] = objects[metadata.key]
        gatheredUnreadable[metadata.key] = reason
    }

    mutating func dropGathered(_ key: NamespacedName) {
        gathered[key] = nil
        gatheredUnreadable[key] = nil
    }

    /// Replaces the contents with what was gathered.
    /// - Returns: the keys of all differences.
    mutating func replace() -> [NamespacedName] {
        var changed = objects.keys.filter { gathered[$0] == nil }
        for (key, object) in gathered {
            let old = objects[key]?.metadata
            if old == nil || old?.uid != object.metadata.uid
                || old?.resourceVersion != object.metadata.resourceVersion
            {
                changed.append(key)
            }
        }
        changed += gatheredUnreadable.keys.filter { unreadable[$0] == nil }
        objects = gathered
        unreadable = gatheredUnreadable
        beginGathering()
        for label in index.keys { index[label] = [:] }
        for (key, object) in objects { enter(key, object.metadata.labels) }
        return changed
    }

    mutating func set(_ object: Object) {
        let key = object.metadata.key
        if let old = objects[key] { leave(key, old.metadata.labels) }
        objects[key] = object
        unreadable[key] = nil
        enter(key, object.metadata.labels)
    }

    mutating func mark(_ key: NamespacedName, unreadable reason: String) { unreadable[key] = reason }

    mutating func remove(_ key: NamespacedName) {
        if let old = objects.removeValue(forKey: key) { leave(key, old.metadata.labels) }
        unreadable[key] = nil
    }

    private mutating func enter(_ key: NamespacedName, _ labels: [String: String]) {
        for label in index.keys {
            if let value = labels[label] { index[label]?[value, default: []].insert(key) }
        }
    }

    private mutating func leave(_ key: NamespacedName, _ labels: [String: String]) {
        for label in index.keys {
            guard let value = labels[label] else { continue }
            index[label]?[value]?.remove(key)
            if index[label]?[value]?.isEmpty == true { index[label]?[value] = nil }
        }
    }
}

import JSON
import ModelManifests

/// The operations on values that server-side apply needs: the fields of a value, the difference of two values, their merge, and a
/// value without some fields. After `structured-merge-diff` (sigs.k8s.io/structured-merge-diff/v6, `typed`).
extension FieldSchema {
    /// The fields that a value sets.
    func fieldSet(of value: JSONValue) -> FieldSet {
        var set = FieldSet()
        collect(value, at: [], into: &set)
        return set
    }

    private func collect(_ value: JSONValue, at path: FieldPath, into set: inout FieldSet) {
        guard let parts = parts(of: value) else {
            set.paths.insert(path)
            return
        }
        for part in parts {
            let below = path + [part.element]
            part.schema.collect(part.value, at: below, into: &set)
            if !part.isNamed || part.value == .null || part.value == .object([:]) { set.paths.insert(below) }
        }
    }

    struct Difference {
        var added = FieldSet()
        var modified = FieldSet()
        var removed = FieldSet()

        var written: FieldSet { added.union(modified) }
        var touched: FieldSet { written.union(removed) }
    }

    func difference(from old: JSONValue?, to new: JSONValue?) -> Difference {
        var difference = Difference()
        compare(old, new, at: [], into: &difference)
        return difference
    }

    private func compare(_ old: JSONValue?, _ new: JSONValue?, at path: FieldPath, into result: inout Difference) {
        if old == new { return }
        let before = old.flatMap { parts(of: $0) }
        let after = new.flatMap { parts(of: $0) }
        let mismatch = (old != nil && before == nil) || (new != nil && after == nil)
        if mismatch || (before ?? []).isEmpty && (after ?? []).isEmpty {
            if old == nil {
                result.added.paths.insert(path)
            } else if new == nil {
                result.removed.paths.insert(path)
            } else {
                result.modified.paths.insert(path)
            }
            return
        }
        var olds: [PathElement: JSONValue] = [:]
        for part in before ?? [] { olds[part.element] = part.value }
        for part in after ?? [] {
            part.schema.compare(
                olds.removeValue(forKey: part.element), part.value, at: path + [part.element], into: &result)
        }
        for part in before ?? [] where olds[part.element] != nil {
            part.schema.compare(part.value, nil, at: path + [part.element], into: &result)
        }
        if case .structure(_, .named) = self { return }
        if old == nil { result.added.paths.insert(path) }
        if new == nil { result.removed.paths.insert(path) }
    }

    /// Merges `config` into the live value: its fields win, and so does its order of list items.
    func merge(_ live: JSONValue?, _ config: JSONValue) -> JSONValue {
        guard let live, let old = parts(of: live), let new = parts(of: config) else { return config }
        var merged: [PathElement: JSONValue] = [:]
        for part in old { merged[part.element] = part.value }
        for part in new { merged[part.element] = part.schema.merge(merged[part.element], part.value) }
        if config.isObject {
            var fields: [String: JSONValue] = [:]
            for case (.field(let name), let value) in merged { fields[name] = value }
            return .object(fields)
        }
        let order = Self.order(old.map(\.element), new.map(\.element))
        return .array(order.compactMap { merged[$0] })
    }

    /// The items of both lists in the new order; items that only the old list has keep their place.
    private static func order(_ old: [PathElement], _ new: [PathElement]) -> [PathElement] {
        let shared = Set(new)
        var (order, rest): ([PathElement], ArraySlice<PathElement>) = ([], new[...])
        for element in old {
            if !shared.contains(element) {
                order.append(element)
            } else if let index = rest.firstIndex(of: element) {
                order += rest[...index]
                rest = rest[(index + 1)...]
            }
        }
        return order + rest
    }

    /// The value without the fields of the set; nil if nothing is left of it.
    /// - Parameter keepsHollow: keeps a value of which nothing is left, as an empty one.
    func remove(_ set: FieldSet, from value: JSONValue, at path: FieldPath = [], keepsHollow: Bool = false)
        -> JSONValue?
    {
        guard let parts = parts(of: value), !parts.isEmpty else { return value }
        var kept: [(PathElement, JSONValue)] = []
        for part in parts {
            let below = path + [part.element]
            if set.contains(below) { continue }
            guard let left = part.schema.remove(set, from: part.value, at: below, keepsHollow: keepsHollow)
            else { continue }
            kept.append((part.element, left))
        }
        if kept.isEmpty, !keepsHollow { return nil }
        guard value.isObject else { return .array(kept.map(\.1)) }
        var fields: [String: JSONValue] = [:]
        for case (.field(let name), let value) in kept { fields[name] = value }
        return .object(fields)
    }

    /// The set with the named fields on the path to its members.
    func withNamedFields(_ set: FieldSet) -> FieldSet {
        var all = set
        for path in set.paths {
            var schema = self
            for (index, element) in path.enumerated().dropLast() {
                let (below, isNamed) = schema.below(element)
                if isNamed { all.paths.insert(Array(path[...index])) }
                schema = below
            }
        }
        return all
    }
}

import Foundation
import JSON
import ModelManifests

/// Reading and changing objects without a declared type.
extension JSONValue {
    /// An object's fields; empty if it is not an object.
    package var fields: [String: JSONValue] {
        if case .object(let fields) = self { fields } else { [:] }
    }

    package var isObject: Bool {
        if case .object = self { true } else { false }
    }

    package var isArray: Bool {
        if case .array = self { true } else { false }
    }

    /// Nil, an empty object or an empty array.
    var isHollow: Bool { self == .null || self == .object([:]) || self == .array([]) }

    package subscript(field name: String) -> JSONValue? {
        get { fields[name] }
        set {
            var changed = fields
            changed[name] = newValue
            self = .object(changed)
        }
    }

    /// The value at the end of the path; nil if the path ends early.
    package func value(at path: String...) -> JSONValue? {
        var value: JSONValue? = self
        for name in path { value = value?[field: name] }
        return value
    }

    /// Creates missing objects on the path.
    package mutating func set(_ value: JSONValue?, at path: String...) { set(value, along: path[...]) }

    private mutating func set(_ value: JSONValue?, along path: ArraySlice<String>) {
        guard let name = path.first else { return }
        guard path.count > 1 else {
            self[field: name] = value
            return
        }
        var child = self[field: name] ?? .object([:])
        child.set(value, along: path.dropFirst())
        self[field: name] = child
    }

    /// Sets the field unless it exists.
    mutating func fill(_ name: String, _ value: JSONValue) {
        if self[field: name] == nil { self[field: name] = value }
    }

    /// Changes one field in place; does nothing if it does not exist.
    mutating func change(_ name: String, _ body: (inout JSONValue) -> Void) {
        guard var child = self[field: name] else { return }
        body(&child)
        self[field: name] = child
    }

    mutating func changeItems(_ body: (inout JSONValue) -> Void) {
        self = .array(
            items.map { item in
                var item = item
                body(&item)
                return item
            })
    }

    /// One line, keys sorted.
    package var data: Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A JSON value always encodes; still, an empty answer is better than a trap.
        return (try? encoder.encode(self)) ?? Data()
    }

    package init?(data: Data) {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: data) else { return nil }
        self = value
    }

    /// RFC 7386.
    func merging(patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var merged = fields
        for (name, change) in changes {
            merged[name] = change == .null ? nil : (merged[name] ?? .null).merging(patch: change)
        }
        return .object(merged)
    }
}

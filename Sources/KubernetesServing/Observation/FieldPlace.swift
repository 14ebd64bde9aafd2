import Foundation
import JSON
import ModelManifests

/// A place in an object, as `managedFields` names it.
struct FieldPlace: Hashable, Sendable, CustomStringConvertible {
    enum Step: Hashable, Sendable {
        case field(String)
        /// An element of a list whose elements are identified by these fields.
        case element([String: JSONValue])
        /// An element of a list of values.
        case value(JSONValue)
    }

    var steps: [Step] = []

    func appending(_ step: Step) -> FieldPlace { FieldPlace(steps: steps + [step]) }

    var description: String {
        steps.enumerated().map { index, step in
            switch step {
            case .field(let name) where name.contains("."): "[\"\(name)\"]"
            case .field(let name): index == 0 ? name : ".\(name)"
            case .element(let keys): "[\(Self.text(keys))]"
            case .value(let value): "[\(Self.text(value))]"
            }
        }
        .joined()
    }

    private static func text(_ keys: [String: JSONValue]) -> String {
        keys.sorted { $0.key < $1.key }.map { "\($0.key)=\(text($0.value))" }.joined(separator: ",")
    }

    private static func text(_ value: JSONValue) -> String { value.text ?? CanonicalJSON.text(value) }
}

extension FieldPlace.Step {
    /// - Parameter key: a key of `FieldsV1`: `f:name`, `k:{…}`, `v:value`.
    init?(managed key: String) {
        let rest = String(key.dropFirst(2))
        switch key.prefix(2) {
        case "f:": self = .field(rest)
        case "k:":
            guard case .object(let keys)? = try? JSONValue(parsing: Data(rest.utf8)) else { return nil }
            self = .element(keys)
        case "v:":
            guard let value = try? JSONValue(parsing: Data(rest.utf8)) else { return nil }
            self = .value(value)
        default: return nil
        }
    }

    fileprivate func isMeant(by step: ObjectFieldPath.Step) -> Bool {
        switch (self, step) {
        case (.field(let name), .field(let meant)): name == meant
        case (.element, .everyElement), (.value, .everyElement): true
        case (.element(let keys), .element(let key, let value)):
            keys[key].map { $0.text ?? CanonicalJSON.text($0) } == value
        case (.field, _), (.element, _), (.value, _): false
        }
    }
}

extension ObjectFieldPath {
    /// Whether the place is the path's or below it.
    func covers(_ place: FieldPlace) -> Bool { steps.count <= place.steps.count && agrees(with: place) }

    /// Whether the path may lead to something below the place.
    func reachesBelow(_ place: FieldPlace) -> Bool { steps.count > place.steps.count && agrees(with: place) }

    private func agrees(with place: FieldPlace) -> Bool {
        zip(place.steps, steps).allSatisfy { $0.isMeant(by: $1) }
    }
}

extension JSONValue {
    func value(at place: FieldPlace) -> JSONValue? { value(at: place.steps[...]) }

    private func value(at steps: ArraySlice<FieldPlace.Step>) -> JSONValue? {
        guard let step = steps.first else { return self }
        return child(step)?.value(at: steps.dropFirst())
    }

    private func child(_ step: FieldPlace.Step) -> JSONValue? {
        switch step {
        case .field(let name): self[name]
        case .element(let keys): items.first { $0.has(keys) }
        case .value(let value): items.first { $0 == value }
        }
    }

    private func has(_ keys: [String: JSONValue]) -> Bool { keys.allSatisfy { self[$0.key] == $0.value } }

    /// A copy without the value at the place.
    func removing(_ place: FieldPlace) -> JSONValue { removing(place.steps[...]) }

    private func removing(_ steps: ArraySlice<FieldPlace.Step>) -> JSONValue {
        guard let step = steps.first, let inner = child(step) else { return self }
        let rest = steps.count > 1 ? inner.removing(steps.dropFirst()) : nil
        switch (step, self) {
        case (.field(let name), .object(var members)):
            members[name] = rest
            return .object(members)
        case (_, .array(var items)):
            guard let index = items.firstIndex(of: inner) else { return self }
            if let rest { items[index] = rest } else { items.remove(at: index) }
            return .array(items)
        default: return self
        }
    }
}

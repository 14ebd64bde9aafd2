import JSON
import ModelManifests

/// One step of a path into an object, as server-side apply names it.
enum PathElement: Hashable, Sendable {
    case field(String)
    /// An item of a list, identified by its keys.
    case key([String: JSONValue])
    /// An item of a set.
    case value(JSONValue)

    /// The form in `fieldsV1`.
    var encoded: String {
        switch self {
        case .field(let name): "f:\(name)"
        case .key(let keys): "k:" + String(decoding: JSONValue.object(keys).data, as: UTF8.self)
        case .value(let value): "v:" + String(decoding: value.data, as: UTF8.self)
        }
    }

    /// The form in the message of a conflict.
    var description: String {
        switch self {
        case .field(let name): ".\(name)"
        case .key(let keys):
            "["
                + keys.sorted { $0.key < $1.key }
                .map { "\($0.key)=" + String(decoding: $0.value.data, as: UTF8.self) }.joined(separator: ",") + "]"
        case .value(let value): "[=" + String(decoding: value.data, as: UTF8.self) + "]"
        }
    }
}

typealias FieldPath = [PathElement]

/// The fields that a manager owns, or that a change touches.
struct FieldSet: Hashable, Sendable {
    var paths: Set<FieldPath> = []

    var isEmpty: Bool { paths.isEmpty }
    func contains(_ path: FieldPath) -> Bool { paths.contains(path) }
    func union(_ other: FieldSet) -> FieldSet { FieldSet(paths: paths.union(other.paths)) }
    func subtracting(_ other: FieldSet) -> FieldSet { FieldSet(paths: paths.subtracting(other.paths)) }
    func intersection(_ other: FieldSet) -> FieldSet { FieldSet(paths: paths.intersection(other.paths)) }

    /// The set without everything at or below the path of names.
    func without(_ names: String...) -> FieldSet {
        let prefix = names.map { PathElement.field($0) }
        return FieldSet(paths: paths.filter { !$0.starts(with: prefix) })
    }

    /// Only what is at or below the path of names.
    func within(_ names: String...) -> FieldSet {
        let prefix = names.map { PathElement.field($0) }
        return FieldSet(paths: paths.filter { $0.starts(with: prefix) })
    }

    var descriptions: [String] { paths.map { $0.map(\.description).joined() }.sorted() }

    /// `FieldsV1`: nested objects; `.` marks an owned node that has owned children.
    var encoded: JSONValue { Node(paths).encoded }

    private final class Node {
        var isMember = false
        var children: [PathElement: Node] = [:]

        init(_ paths: Set<FieldPath> = []) {
            for path in paths {
                var node = self
                for element in path {
                    let child = node.children[element] ?? Node()
                    node.children[element] = child
                    node = child
                }
                node.isMember = true
            }
        }

        var encoded: JSONValue {
            var fields: [String: JSONValue] = [:]
            for (element, child) in children { fields[element.encoded] = child.encoded }
            if isMember, !children.isEmpty { fields["."] = .object([:]) }
            return .object(fields)
        }
    }
}

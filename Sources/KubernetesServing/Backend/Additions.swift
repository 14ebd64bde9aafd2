import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The fields that others have added to an object that mlctl applied. Pure.
///
/// Server-side apply leaves the fields of other managers alone. `managedFields` names the owners of fields. Values from
/// defaulting and admission have no owner, so they do not count as additions, and mlctl does not fight them.
struct Additions: Hashable, Sendable {
    struct Found: Hashable, Sendable {
        var place: FieldPlace
        var manager: String
    }

    /// Fields by which a person gives an order rather than configures: `kubectl rollout restart` restarts the pods.
    static let tolerated = [#"spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]"#]
        .compactMap { ObjectFieldPath($0) }

    private(set) var found: [Found] = []
    let writers: ObjectWriters

    /// - Parameter object: the whole object with its `managedFields`.
    /// - Throws: if `managedFields` cannot be read.
    init(in object: JSONValue, ignoring ignored: [ObjectFieldPath]) throws {
        let managed = object["metadata"]?["managedFields"] ?? .array([])
        let entries = try JSONDecoder().decode([ManagedFields].self, from: managed.jsonData)
        writers = ObjectWriters(entries)
        guard let own = entries.first(where: \.isOwn)?.fieldsV1 else { return }
        let ignored = ignored + Self.tolerated
        for entry in entries where entry.isOthers {
            guard let tree = entry.fieldsV1?.contents.beyond(own) else { continue }
            collect(tree, own, FieldPlace(), entry.manager ?? "somebody else", object, ignored)
        }
    }

    /// Collects the topmost fields that mlctl owns no part of. If a field below one of them is to be ignored, it collects the
    /// fields beside that one.
    private mutating func collect(
        _ tree: FieldTree, _ own: FieldTree?, _ place: FieldPlace, _ manager: String, _ object: JSONValue,
        _ ignored: [ObjectFieldPath]
    ) {
        for (key, child) in tree.children.sorted(by: { $0.key < $1.key }) {
            guard let step = FieldPlace.Step(managed: key) else { continue }
            let inner = place.appending(step)
            guard !ignored.contains(where: { $0.covers(inner) }), let value = object.value(at: inner) else { continue }
            // If an element of a list belongs only to others, it is reported as a whole.
            let isField = if case .field = step { true } else { false }
            let isShared = own?.children[key] != nil || isField && ignored.contains { $0.reachesBelow(inner) }
            if isShared, !child.children.isEmpty {
                collect(child, own?.children[key], inner, manager, object, ignored)
            } else if value != .object([:]), value != .array([]) {
                found.append(Found(place: inner, manager: manager))
            }
        }
    }

    var isEmpty: Bool { found.isEmpty }

    func removed(from object: JSONValue) -> JSONValue {
        found.reduce(object) { $0.removing($1.place) }
    }

    /// Such as `spec.paused (by kubectl-edit)`.
    var description: String {
        let named = found.prefix(Self.mostNamed).map { "\($0.place) (by \($0.manager))" }
        let more = found.count - named.count
        return named.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    private static let mostNamed = 4

    var managers: [String] { Set(found.map(\.manager)).sorted() }
}

extension FieldTree {
    /// The part of a value that the tree's manager owns, with the keys that identify the elements of lists.
    func extracted(from value: JSONValue) -> JSONValue {
        guard !children.isEmpty else { return value }
        var members: [String: JSONValue] = [:]
        var items: [(index: Int, item: JSONValue)] = []
        for (key, child) in children {
            guard let step = FieldPlace.Step(managed: key), let inner = value.value(at: FieldPlace(steps: [step])),
                case let index = value.items.firstIndex(of: inner) ?? 0
            else { continue }
            switch step {
            case .field(let name): members[name] = child.extracted(from: inner)
            case .element(let keys): items.append((index, child.extracted(from: inner).merging(keys)))
            case .value: items.append((index, inner))
            }
        }
        guard case .array = value else { return .object(members) }
        return .array(items.sorted { $0.index < $1.index }.map(\.item))
    }
}

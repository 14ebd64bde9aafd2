import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// What others have added to an object that mlctl applied. Pure.
///
/// Server-side apply leaves what others own where it is. Who owns what, `managedFields` say: so what defaulting and admission
/// add, which nobody owns, is not taken for an addition, and mlctl does not fight with them.
struct Additions: Hashable, Sendable {
    struct Found: Hashable, Sendable {
        var place: FieldPlace
        var manager: String
    }

    /// What a person orders rather than configures: `kubectl rollout restart` starts pods anew.
    static let tolerated = [#"spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]"#]
        .compactMap { ObjectFieldPath($0) }

    private(set) var found: [Found] = []
    let writers: ObjectWriters

    /// - Parameter object: whole, `managedFields` included.
    /// - Throws: where those cannot be read.
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

    /// The topmost places that mlctl has no part in; where something below is to be left alone, what is beside it.
    private mutating func collect(
        _ tree: FieldTree, _ own: FieldTree?, _ place: FieldPlace, _ manager: String, _ object: JSONValue,
        _ ignored: [ObjectFieldPath]
    ) {
        for (key, child) in tree.children.sorted(by: { $0.key < $1.key }) {
            guard let step = FieldPlace.Step(managed: key) else { continue }
            let inner = place.appending(step)
            guard !ignored.contains(where: { $0.covers(inner) }), let value = object.value(at: inner) else { continue }
            // Of an element that is nobody's but theirs, a part alone would make no sense.
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
    /// Of a value, what the tree's manager owns: with the fields by which elements of lists are told apart.
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

import JSON
import ModelManifests
import Serving

/// The fields of an object that one manager owns, from `metadata.managedFields` (FieldsV1).
///
/// If another writer changes a field, its former owner loses it. So an object is as mlctl applied it as long as mlctl owns the
/// fields that it applied. This separates an edit by hand from what defaulting and other controllers add, without comparing
/// values.
struct FieldTree: Hashable, Sendable, Decodable {
    var children: [String: FieldTree] = [:]

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(children: [String: FieldTree] = [:]) { self.children = children }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        for key in fields.allKeys where key.stringValue != "." {
            children[key.stringValue] = try fields.decode(FieldTree.self, forKey: key)
        }
    }

    /// The fields that this tree has and the other has not; nil if there are none.
    func beyond(_ other: FieldTree?) -> FieldTree? {
        guard let other else { return self }
        let rest = children.compactMap { key, child in
            child.beyond(other.children[key]).map { (key, $0) }
        }
        return rest.isEmpty ? nil : FieldTree(children: Dictionary(rest) { first, _ in first })
    }

    /// The fields that belong wholly to mlctl, in the tree of an object's manager. Labels and annotations may have others' beside
    /// mlctl's own; the status belongs to the cluster; the number of replicas has a rule of its own.
    var contents: FieldTree {
        var tree = self
        tree.children["f:metadata"] = nil
        tree.children["f:status"] = nil
        if tree.children["f:spec"]?.children.removeValue(forKey: "f:replicas") != nil,
            tree.children["f:spec"]?.children.isEmpty == true
        {
            tree.children["f:spec"] = nil
        }
        return tree
    }

    var hasReplicas: Bool { children["f:spec"]?.children["f:replicas"] != nil }

    /// Equal for equal trees.
    var digest: UInt64 {
        guard !children.isEmpty else { return 0 }
        let text = children.sorted { $0.key < $1.key }.map { "\($0.key)\u{1}\($0.value.digest)\u{2}" }.joined()
        return Self.hash.hash(text)
    }

    /// A fixed key is enough: nobody profits from a collision here.
    private static let hash = SipHash(keyLow: 0x6d6c_6374_6c2e_6465, keyHigh: 0x7631_616c_7068_6131)
}

extension FieldTree {
    /// The fields that an applied body will own. For unknown types it is an approximation: if it is wrong, one write that changes
    /// nothing corrects it.
    init(applied body: JSONValue) {
        var members = body.members
        members["apiVersion"] = nil
        members["kind"] = nil
        var metadata = body["metadata"]?.members ?? [:]
        metadata["name"] = nil
        metadata["namespace"] = nil
        members["metadata"] = .object(metadata)
        self = Self.tree(.object(members), name: "")
    }

    /// Names of fields whose objects are owned as a whole.
    private static let atomic: Set<String> = [
        "selector", "labelSelector", "podSelector", "nodeSelector", "secretKeyRef", "configMapKeyRef", "fieldRef",
        "resourceFieldRef",
        "roleRef",
    ]

    /// Names of fields whose lists are owned element by element, with the keys of the elements. Other lists are owned as a whole.
    private static let listKeys: [String: [String]] = [
        "containers": ["name"], "initContainers": ["name"], "volumes": ["name"], "env": ["name"],
        "imagePullSecrets": ["name"], "resourceClaims": ["name"], "volumeMounts": ["mountPath"],
        "volumeDevices": ["devicePath"], "hostAliases": ["ip"], "ownerReferences": ["uid"],
        "topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"],
    ]

    private static func keys(ofList name: String, _ element: JSONValue?) -> [String]? {
        guard name == "ports" else { return listKeys[name] }
        return [element?["containerPort"] == nil ? "port" : "containerPort", "protocol"]
    }

    private static func tree(_ value: JSONValue, name: String) -> FieldTree {
        switch value {
        case .object(let members) where !atomic.contains(name):
            return FieldTree(
                children: Dictionary(
                    members.map { ("f:\($0.key)", tree($0.value, name: $0.key)) }
                ) { first, _ in first })
        case .array(let items):
            guard let keys = keys(ofList: name, items.first), !items.isEmpty else { return FieldTree() }
            return FieldTree(
                children: Dictionary(
                    items.map { item in
                        let key = JSONValue.fields(
                            Dictionary(keys.map { ($0, item[$0]) }) { first, _ in first })
                        return (
                            "k:\(CanonicalJSON.text(key))",
                            name == "ownerReferences" ? FieldTree() : tree(item, name: "")
                        )
                    }
                ) { first, _ in first })
        case .object, .null, .bool, .integer, .number, .string: return FieldTree()
        }
    }
}

/// The metadata that every object has.
package struct ObjectMetadata: Hashable, Codable, Sendable {
    package var name: String
    package var namespace: String?
    package var uid: String?
    /// Opaque: compare for equality only.
    package var resourceVersion: String?
    /// Increases with every change of the spec.
    package var generation: Int?
    package var labels: [String: String]
    package var annotations: [String: String]
    package var ownerReferences: [OwnerReference]
    package var finalizers: [String]
    /// RFC 3339. Set while the object is being deleted and waits for its finalizers.
    package var deletionTimestamp: String?
    package var creationTimestamp: String?

    package init(
        name: String, namespace: String? = nil, uid: String? = nil, resourceVersion: String? = nil,
        generation: Int? = nil, labels: [String: String] = [:], annotations: [String: String] = [:],
        ownerReferences: [OwnerReference] = [], finalizers: [String] = [], deletionTimestamp: String? = nil,
        creationTimestamp: String? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.generation = generation
        self.labels = labels
        self.annotations = annotations
        self.ownerReferences = ownerReferences
        self.finalizers = finalizers
        self.deletionTimestamp = deletionTimestamp
        self.creationTimestamp = creationTimestamp
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decodeIfPresent(String.self, forKey: .name) ?? ""
        namespace = try fields.decodeIfPresent(String.self, forKey: .namespace)
        uid = try fields.decodeIfPresent(String.self, forKey: .uid)
        resourceVersion = try fields.decodeIfPresent(String.self, forKey: .resourceVersion)
        generation = try fields.decodeIfPresent(Int.self, forKey: .generation)
        labels = try fields.decodeIfPresent([String: String].self, forKey: .labels) ?? [:]
        annotations = try fields.decodeIfPresent([String: String].self, forKey: .annotations) ?? [:]
        ownerReferences = try fields.decodeIfPresent([OwnerReference].self, forKey: .ownerReferences) ?? []
        finalizers = try fields.decodeIfPresent([String].self, forKey: .finalizers) ?? []
        deletionTimestamp = try fields.decodeIfPresent(String.self, forKey: .deletionTimestamp)
        creationTimestamp = try fields.decodeIfPresent(String.self, forKey: .creationTimestamp)
    }

    /// The key of the object in a cache.
    package var key: NamespacedName { NamespacedName(namespace: namespace, name: name) }
}

/// The namespace and name of an object among those of its type.
package struct NamespacedName: Hashable, Codable, Sendable, CustomStringConvertible {
    /// Nil for cluster-scoped objects.
    package var namespace: String?
    package var name: String

    package init(namespace: String? = nil, name: String) {
        self.namespace = namespace
        self.name = name
    }

    package var description: String { namespace.map { "\($0)/\(name)" } ?? name }
}

/// A reference to an owner. When the owner is deleted, the garbage collector deletes the object.
package struct OwnerReference: Hashable, Codable, Sendable {
    package var apiVersion: String
    package var kind: String
    package var name: String
    package var uid: String
    package var controller: Bool?
    package var blockOwnerDeletion: Bool?

    package init(
        apiVersion: String, kind: String, name: String, uid: String, controller: Bool? = true,
        blockOwnerDeletion: Bool? = true
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.uid = uid
        self.controller = controller
        self.blockOwnerDeletion = blockOwnerDeletion
    }
}

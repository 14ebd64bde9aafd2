import JSON
import KubernetesClient
import ModelManifests

/// A type of objects that mlctl owns in a cluster.
package protocol ManagedKind: Sendable {
    associatedtype Detail: ManagedDetail = NoDetail
    static var resource: ResourceType { get }
    /// The name of all mlctl's objects of the type, so that rights can be limited to it. Nil: they have the deployments' names.
    static var onlyName: String? { get }
}

extension ManagedKind {
    package static var onlyName: String? { nil }
}

/// The fields that are read of an object besides its metadata.
package protocol ManagedDetail: Decodable, Hashable, Sendable {
    /// The form that routers read.
    var json: JSONValue? { get }
}

/// Nothing: only the metadata is requested.
package struct NoDetail: ManagedDetail {
    package var json: JSONValue? { nil }
    package init(from decoder: any Decoder) throws {}
}

/// One of mlctl's objects as a cache holds it: metadata, writers, and the other fields that are needed.
package struct ManagedObject<Kind: ManagedKind>: KubernetesObject, Hashable {
    package static var resource: ResourceType { Kind.resource }

    private let packed: PackedMetadata
    package var writers: ObjectWriters
    package var detail: Kind.Detail

    private enum CodingKeys: String, CodingKey { case metadata }
    private enum MetadataKeys: String, CodingKey { case managedFields }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        packed = PackedMetadata(try fields.decode(ObjectMetadata.self, forKey: .metadata))
        let nested = try fields.nestedContainer(keyedBy: MetadataKeys.self, forKey: .metadata)
        writers = ObjectWriters(try nested.decodeIfPresent([ManagedFields].self, forKey: .managedFields) ?? [])
        detail = try Kind.Detail(from: decoder)
    }

    package var metadata: ObjectMetadata { packed.metadata }

    var live: LiveObject { LiveObject(Kind.resource, metadata, writers) }
}

/// What must be known of an object to write or delete it.
struct LiveObject: Hashable, Sendable {
    var id: ObjectID
    var uid: String
    var resourceVersion: String
    var labels: [String: String]
    var owners: [OwnerReference]
    /// The hash of what was applied last.
    var applied: String?
    var podTemplate: String?
    var writers: ObjectWriters
    var isBeingDeleted: Bool

    init(_ type: ResourceType, _ metadata: ObjectMetadata, _ writers: ObjectWriters) {
        id = ObjectID(type: type, key: metadata.key)
        uid = metadata.uid ?? ""
        resourceVersion = metadata.resourceVersion ?? ""
        labels = metadata.labels
        owners = metadata.ownerReferences
        applied = metadata.annotations[ObjectAnnotations.applied]
        podTemplate = metadata.annotations[ObjectAnnotations.podTemplate]
        self.writers = writers
        isBeingDeleted = metadata.deletionTimestamp != nil
    }

    /// The deployment that the object belongs to; nil if it is shared, or somebody else's.
    var deployment: DeploymentKey? {
        guard isManaged, let namespace = id.key.namespace, let name = labels[ObjectLabels.deployment] else {
            return nil
        }
        return DeploymentKey(namespace: namespace, name: name)
    }

    var isManaged: Bool { labels[ObjectLabels.managedBy] == ObjectLabels.manager }
}

import JSON
import KubernetesClient
import ModelManifests

/// A type of objects that mlctl has in a cluster.
public protocol ServedKind: Sendable {
    associatedtype Detail: ServedDetail = NoDetail
    static var resource: ResourceType { get }
    /// What all that mlctl has of the type is called: rights to it need go no further. Nil: by the deployments' names.
    static var onlyName: String? { get }
}

extension ServedKind {
    public static var onlyName: String? { nil }
}

/// What is read of an object beside its metadata.
public protocol ServedDetail: Decodable, Hashable, Sendable {
    /// As routers look at it.
    var json: JSONValue? { get }
}

/// Nothing: its metadata alone is asked for.
public struct NoDetail: ServedDetail {
    public var json: JSONValue? { nil }
    public init(from decoder: any Decoder) throws {}
}

/// An object of mlctl's as a cache holds it: metadata, who wrote it, and what somebody needs of the rest.
public struct ServedObject<Kind: ServedKind>: KubernetesObject, Hashable {
    public static var resource: ResourceType { Kind.resource }

    private let packed: PackedMetadata
    public var writers: ObjectWriters
    public var detail: Kind.Detail

    private enum CodingKeys: String, CodingKey { case metadata }
    private enum MetadataKeys: String, CodingKey { case managedFields }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        packed = PackedMetadata(try fields.decode(ObjectMetadata.self, forKey: .metadata))
        let nested = try fields.nestedContainer(keyedBy: MetadataKeys.self, forKey: .metadata)
        writers = ObjectWriters(try nested.decodeIfPresent([ManagedFields].self, forKey: .managedFields) ?? [])
        detail = try Kind.Detail(from: decoder)
    }

    public var metadata: ObjectMetadata { packed.metadata }

    var live: LiveObject { LiveObject(Kind.resource, metadata, writers) }
}

/// What is to be known of an object to write or delete it.
struct LiveObject: Hashable, Sendable {
    var id: ObjectID
    var uid: String
    var resourceVersion: String
    var labels: [String: String]
    var owners: [OwnerReference]
    /// The hash that was applied last.
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

    /// The deployment that it is of; nil for what is shared, or somebody else's.
    var deployment: DeploymentKey? {
        guard isManaged, let namespace = id.key.namespace, let name = labels[ObjectLabels.deployment] else {
            return nil
        }
        return DeploymentKey(namespace: namespace, name: name)
    }

    var isManaged: Bool { labels[ObjectLabels.managedBy] == ObjectLabels.manager }
}

/// What is read of an object: its metadata, and those of its fields that somebody needs.
///
/// Objects are written as JSON that is composed elsewhere (`KubernetesAPI.apply`); types that conform are for reading, so
/// that a cache holds no more than is looked at.
public protocol KubernetesObject: Decodable, Sendable {
    static var resource: ResourceType { get }
    var metadata: ObjectMetadata { get }
}

/// One page of a list.
public struct ObjectList<Object: KubernetesObject>: Decodable, Sendable {
    public struct Metadata: Hashable, Codable, Sendable {
        public var resourceVersion: String?
        /// Where the next page begins; nil or empty on the last one.
        public var `continue`: String?
        public var remainingItemCount: Int?

        public init(resourceVersion: String? = nil, continue: String? = nil, remainingItemCount: Int? = nil) {
            self.resourceVersion = resourceVersion
            self.continue = `continue`
            self.remainingItemCount = remainingItemCount
        }
    }

    public var metadata: Metadata
    public var items: [Object]

    public init(metadata: Metadata = Metadata(), items: [Object] = []) {
        self.metadata = metadata
        self.items = items
    }

    private enum CodingKeys: String, CodingKey { case metadata, items }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(Metadata.self, forKey: .metadata)
        items = try fields.decodeIfPresent([Object].self, forKey: .items) ?? []
    }
}

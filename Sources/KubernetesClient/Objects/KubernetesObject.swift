/// The fields of an object that mlctl reads: its metadata, and whatever else it needs.
///
/// Conforming types are for reading only, so that a cache holds no more than is used. Objects are written as JSON that is
/// built elsewhere (`KubernetesAPI.apply`).
package protocol KubernetesObject: Decodable, Sendable {
    static var resource: ResourceType { get }
    var metadata: ObjectMetadata { get }
}

/// One page of a list.
package struct ObjectList<Object: KubernetesObject>: Decodable, Sendable {
    package struct Metadata: Hashable, Codable, Sendable {
        package var resourceVersion: String?
        /// The token for the next page; nil or empty on the last page.
        package var `continue`: String?
        package var remainingItemCount: Int?

        package init(resourceVersion: String? = nil, continue: String? = nil, remainingItemCount: Int? = nil) {
            self.resourceVersion = resourceVersion
            self.continue = `continue`
            self.remainingItemCount = remainingItemCount
        }
    }

    package var metadata: Metadata
    package var items: [Object]

    package init(metadata: Metadata = Metadata(), items: [Object] = []) {
        self.metadata = metadata
        self.items = items
    }

    private enum CodingKeys: String, CodingKey { case metadata, items }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(Metadata.self, forKey: .metadata)
        items = try fields.decodeIfPresent([Object].self, forKey: .items) ?? []
    }
}

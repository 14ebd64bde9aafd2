import Foundation
import KubernetesClient

/// The metadata and the writers of an object of any type.
struct ObjectHead: Decodable, Sendable {
    var metadata: ObjectMetadata
    var writers: ObjectWriters

    private enum CodingKeys: String, CodingKey { case metadata }
    private enum MetadataKeys: String, CodingKey { case managedFields }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(ObjectMetadata.self, forKey: .metadata)
        let nested = try fields.nestedContainer(keyedBy: MetadataKeys.self, forKey: .metadata)
        writers = ObjectWriters(try nested.decodeIfPresent([ManagedFields].self, forKey: .managedFields) ?? [])
    }

    static func read(_ body: Data, of request: APIRequest) throws -> ObjectHead {
        do {
            return try JSONDecoder().decode(ObjectHead.self, from: body)
        } catch {
            throw APIError(
                .malformed, message: "the answer is not an object's metadata: \(error)",
                request: "\(request.method.rawValue) \(request.path)")
        }
    }
}

extension KubernetesAPI {
    /// - Returns: nil if the object or its type does not exist.
    func head(_ type: ResourceType, _ key: NamespacedName) async throws -> ObjectHead? {
        let request = APIRequest.get(type, key).metadataOnlyObject
        do {
            return try ObjectHead.read(try await answer(to: request), of: request)
        } catch let error as APIError where error.isNotFound {
            return nil
        }
    }
}

extension APIRequest {
    /// Asks for the metadata of one object. (`metadataOnly` asks for a list if the request is a GET.)
    var metadataOnlyObject: APIRequest {
        var request = self
        request.accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
        return request
    }
}

import Foundation
import KubernetesClient

/// A Secret, for reading what it holds.
struct StoredSecret: KubernetesObject {
    static let resource = ResourceType.secrets
    var metadata: ObjectMetadata
    /// Base64 in JSON.
    var data: [String: Data]?
}

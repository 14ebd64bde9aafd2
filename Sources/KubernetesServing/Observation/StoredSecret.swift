import Foundation
import KubernetesClient

/// A Secret with its data.
struct StoredSecret: KubernetesObject {
    static let resource = ResourceType.secrets
    var metadata: ObjectMetadata
    /// Base64 in JSON.
    var data: [String: Data]?
}

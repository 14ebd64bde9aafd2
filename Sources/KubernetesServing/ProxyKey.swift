import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving

/// The key of a namespace's request ids. Its proxies sign ids with it, and controllers verify reported ids with it.
struct ProxyKey: Hashable, Sendable {
    /// The entry of the Secret, and the name of the file that the proxies read.
    static let entry = RequestIdentityKey.fileName

    let identity: RequestIdentityKey
    /// Distinguishes keys without revealing anything about them.
    let fingerprint: String

    /// - Returns: nil unless there are exactly 16 bytes.
    init?(_ bytes: [UInt8]) {
        guard let identity = RequestIdentityKey(bytes) else { return nil }
        self.identity = identity
        fingerprint = ObjectHash.text("request id key \(Data(bytes).base64EncodedString())")
    }
}

/// The Secret with the key. It is not an applied object: its contents are random and are kept.
enum ProxyKeyKind: ManagedKind {
    static let resource = ResourceType.secrets
    static let onlyName: String? = ObjectNames.proxyKey

    struct Detail: ManagedDetail {
        /// Nil if the Secret holds no valid key.
        var key: ProxyKey?
        var json: JSONValue? { nil }

        private enum CodingKeys: String, CodingKey { case data }

        init(from decoder: any Decoder) throws {
            let data = try decoder.container(keyedBy: CodingKeys.self)
                .decodeIfPresent([String: String].self, forKey: .data)
            key = data?[ProxyKey.entry].flatMap { Data(base64Encoded: $0) }.flatMap { ProxyKey(Array($0)) }
        }
    }

    /// A Secret with a new random key.
    /// - Parameter resourceVersion: of the Secret that it replaces.
    static func secret(in namespace: String, key bytes: [UInt8], resourceVersion: String? = nil) -> JSONValue {
        .fields([
            "apiVersion": .string(resource.apiVersion), "kind": .string(resource.kind), "type": "Opaque",
            "metadata": .fields([
                "name": .string(ObjectNames.proxyKey), "namespace": .string(namespace),
                "labels": .strings(ObjectLabels.ofProxy), "resourceVersion": resourceVersion.map(JSONValue.string),
            ]),
            "data": .strings([ProxyKey.entry: Data(bytes).base64EncodedString()]),
        ])
    }
}

/// A Secret with its data.
struct StoredSecret: KubernetesObject {
    static let resource = ResourceType.secrets
    var metadata: ObjectMetadata
    /// Base64 in JSON.
    var data: [String: Data]?
}

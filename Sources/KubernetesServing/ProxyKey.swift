import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving

/// The key of a namespace's request ids: its proxies sign by it, and controllers verify by it what is reported later.
struct ProxyKey: Hashable, Sendable {
    /// The Secret's entry, and the file that the proxies see.
    static let entry = RequestIdentityKey.fileName

    let identity: RequestIdentityKey
    /// Tells keys apart, and tells nothing of them.
    let fingerprint: String

    /// - Returns: nil for other than 16 bytes.
    init?(_ bytes: [UInt8]) {
        guard let identity = RequestIdentityKey(bytes) else { return nil }
        self.identity = identity
        fingerprint = ObjectHash.text("request id key \(Data(bytes).base64EncodedString())")
    }
}

/// The Secret that holds it. It is no applied object: what it holds follows from nothing, and is kept.
enum ProxyKeyKind: ServedKind {
    static let resource = ResourceType.secrets
    static let onlyName: String? = ObjectNames.proxyKey

    struct Detail: ServedDetail {
        /// Nil where the Secret holds none.
        var key: ProxyKey?
        var json: JSONValue? { nil }

        private enum CodingKeys: String, CodingKey { case data }

        init(from decoder: any Decoder) throws {
            let data = try decoder.container(keyedBy: CodingKeys.self)
                .decodeIfPresent([String: String].self, forKey: .data)
            key = data?[ProxyKey.entry].flatMap { Data(base64Encoded: $0) }.flatMap { ProxyKey(Array($0)) }
        }
    }

    /// With a new random key.
    /// - Parameter resourceVersion: of the one that it takes the place of.
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

/// The controller's settings for serving in a cluster.
package struct ClusterServingSettings: Hashable, Sendable {
    /// mlctl's own image, for the proxy and for containers that fetch models, verify digests and warm up.
    package var image: String
    package var proxyReplicas: Int
    /// Names of the Secrets for pulling the proxy's image.
    package var imagePullSecrets: [String]
    /// Who may reach the proxies' control port; the controller must be among them. Empty: everybody, without a NetworkPolicy.
    package var proxyControlFrom: [ProxyControlPeer] = []
    /// The only namespace that mlctl watches, for narrow rights; nil: all.
    package var namespace: String?

    package static let defaultImage = "ghcr.io/mlctl/mlctl:latest"

    package init(
        image: String = ClusterServingSettings.defaultImage,
        proxyReplicas: Int = 2, imagePullSecrets: [String] = [], namespace: String? = nil
    ) {
        self.image = image
        self.proxyReplicas = proxyReplicas
        self.imagePullSecrets = imagePullSecrets
        self.namespace = namespace
    }
}

/// A peer that may read the proxies' counters.
package enum ProxyControlPeer: Hashable, Sendable {
    /// - Parameter labels: empty: all pods of the namespace.
    case pods(namespace: String, labels: [String: String])
    /// Such as `10.0.0.0/8`.
    case addresses(cidr: String)
}

extension ProxyControlPeer: Decodable {
    private enum CodingKeys: String, CodingKey { case namespace, podLabels, cidr }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Strict: an overlooked field would open a port.
    package init(from decoder: any Decoder) throws {
        func fault(_ message: String) -> DecodingError {
            .dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: message))
        }
        let unknown = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
            .filter { CodingKeys(rawValue: $0) == nil }.sorted()
        guard unknown.isEmpty else {
            throw fault(
                "proxyControlFrom: unknown \(unknown.joined(separator: ", ")); write {namespace: …, podLabels: {…}} or "
                    + "{cidr: …}")
        }
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let namespace = try fields.decodeIfPresent(String.self, forKey: .namespace)
        let labels = try fields.decodeIfPresent([String: String].self, forKey: .podLabels)
        switch (namespace, try fields.decodeIfPresent(String.self, forKey: .cidr)) {
        case (let namespace?, nil): self = .pods(namespace: namespace, labels: labels ?? [:])
        case (nil, let cidr?) where labels == nil: self = .addresses(cidr: cidr)
        default: throw fault("proxyControlFrom: each is {namespace: …, podLabels: {…}} or {cidr: …}")
        }
    }
}

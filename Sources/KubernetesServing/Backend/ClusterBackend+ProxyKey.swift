import Foundation
import KubernetesClient
import ModelManifests
import Serving

/// The key of request ids of each namespace. The first controller creates it, and all others use the same.
extension ClusterBackend {
    private typealias KeySecret = ManagedObject<ProxyKeyKind>

    /// The key that verifies the ids that a namespace's proxies gave out.
    /// - Returns: nil if there is no key yet.
    /// - Throws: `ClusterServingError` if that is not known.
    package func requestIdKey(in namespace: String) throws -> RequestIdentityKey? {
        if let missing = unsynced(of: [views.proxyKeys]) { throw missing }
        return knownKey(in: namespace)?.identity
    }

    /// The namespace's key. It is created if it does not exist; only then is the API server asked.
    /// - Throws: `ClusterServingError`.
    func proxyKey(in namespace: String) async throws -> ProxyKey {
        if let missing = unsynced(of: [views.proxyKeys]) { throw missing }
        if let known = knownKey(in: namespace) { return known }
        let key = NamespacedName(namespace: namespace, name: ObjectNames.proxyKey)
        do {
            let found = try await api.get(KeySecret.self, key)
            if let valid = found?.detail.key { return note(valid, in: namespace) }
            if let found, !found.live.isManaged { throw Self.missingKeyError(key) }
            return try await makeKey(key, replacing: found?.metadata.resourceVersion)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "Secret \(key)")
        }
    }

    private func knownKey(in namespace: String) -> ProxyKey? {
        let key = NamespacedName(namespace: namespace, name: ObjectNames.proxyKey)
        return madeKeys[namespace] ?? views.proxyKeys.cache[key]?.detail.key
    }

    private func makeKey(_ key: NamespacedName, replacing resourceVersion: String?) async throws -> ProxyKey {
        let namespace = key.namespace ?? ""
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<RequestIdentityKey.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        guard let made = ProxyKey(bytes) else { throw Self.missingKeyError(key) }
        let body = ProxyKeyKind.secret(in: namespace, key: bytes, resourceVersion: resourceVersion).jsonData
        if resourceVersion != nil {
            try await api.replace(.secrets, key, body: body)
        } else {
            do {
                try await api.make(.secrets, key, body: body)
            } catch let error as APIError where error.isConflict {
                // Another controller was first: use its key.
                guard let theirs = try await api.get(KeySecret.self, key)?.detail.key else { throw error }
                return note(theirs, in: namespace)
            }
        }
        logger.notice("Created the key of request ids", metadata: ["namespace": "\(namespace)"])
        return note(made, in: namespace)
    }

    private func note(_ key: ProxyKey, in namespace: String) -> ProxyKey {
        madeKeys[namespace] = key
        return key
    }

    private static func missingKeyError(_ key: NamespacedName) -> ClusterServingError {
        ClusterServingError(
            .foreignObject,
            "Secret \(key) exists already, and does not hold \(RequestIdentityKey.byteCount) bytes under "
                + "'\(ProxyKey.entry)'. Delete it, and mlctl creates one; or put a key into it.")
    }
}

import Crypto
import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Signs what a controller stores in a cluster. Without it, whoever may write ConfigMaps in a namespace could forge the
/// controller's decisions and what its proxies do.
///
/// Ed25519 (RFC 8032): proxies get the public key. With it they can verify but not sign.
package struct RecordSeal: Sendable {
    static let byteCount = 32

    private let key: Curve25519.Signing.PrivateKey
    private let check: SealCheck

    /// - Returns: nil unless there are exactly 32 bytes.
    init?(_ seed: some DataProtocol) {
        let seed = Data(seed)
        guard seed.count == Self.byteCount,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        else { return nil }
        self.init(key)
    }

    /// A new seal from the system's random numbers.
    package static func random() -> RecordSeal { RecordSeal(Curve25519.Signing.PrivateKey()) }

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.key = key
        check = SealCheck(key.publicKey)
    }

    /// The private key, for the Secret that stores it.
    var bytes: Data { key.rawRepresentation }
    /// The public key in base64, for those that only verify.
    var publicKey: String { key.publicKey.rawRepresentation.base64EncodedString() }

    /// Signs a writing. The same writing gives the same text, so that two renderings are equal.
    /// - Returns: base64; empty if the system cannot sign. An empty text is never a valid seal.
    func seal(_ writing: SealedContent) -> String {
        (try? key.signature(for: writing.bytes))?.base64EncodedString() ?? ""
    }

    func isSealed(_ writing: SealedContent, by text: String?) -> Bool { check.isSealed(writing, by: text) }
}

/// Verifies seals, but cannot create them.
package struct SealCheck: Sendable {
    private let key: Curve25519.Signing.PublicKey

    /// - Returns: nil if the text is not a public key in base64.
    package init?(publicKey: String) {
        guard let bytes = Data(base64Encoded: publicKey),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return nil }
        self.init(key)
    }

    fileprivate init(_ key: Curve25519.Signing.PublicKey) { self.key = key }

    func isSealed(_ writing: SealedContent, by text: String?) -> Bool {
        guard let signature = text.flatMap({ Data(base64Encoded: $0) }) else { return false }
        return key.isValidSignature(signature, for: writing.bytes)
    }
}

/// What is sealed, together with everything that it is bound to: a seal of one object or use is not valid for another.
enum SealedContent {
    /// - Parameter uid: of the ModelDeployment.
    case record(DeploymentKey, uid: String, version: Int, state: String)
    /// A status that waits in a ConfigMap until its object is created again.
    case keptRecord(DeploymentKey, status: String)
    /// A route that proxies follow. - Parameter map: its ConfigMap.
    case route(map: NamespacedName, String)

    /// A JSON array, so that two different writings never have the same bytes.
    fileprivate var bytes: Data {
        let parts =
            switch self {
            case .record(let key, let uid, let version, let state):
                ["record", key.namespace, key.name, uid, "\(version)", state]
            case .keptRecord(let key, let status): ["kept record", key.namespace, key.name, status]
            case .route(let map, let text): ["route", map.namespace ?? "", map.name, text]
            }
        return JSONValue.array((["mlctl"] + parts).map(JSONValue.string)).jsonData
    }
}

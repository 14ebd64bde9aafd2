import Crypto
import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Signs what a controller keeps in a cluster, so that nobody else's writing is taken for it: whoever may write ConfigMaps
/// in a namespace could otherwise say what a controller has decided, and what its proxies do.
///
/// Ed25519 (RFC 8032): proxies are given the public half, by which they can tell, and cannot sign.
public struct RecordSeal: Sendable {
    static let byteCount = 32

    private let key: Curve25519.Signing.PrivateKey
    private let check: SealCheck

    /// - Returns: nil for other than 32 bytes.
    init?(_ seed: some DataProtocol) {
        let seed = Data(seed)
        guard seed.count == Self.byteCount,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        else { return nil }
        self.init(key)
    }

    /// A new one, from the system's random numbers.
    public static func random() -> RecordSeal { RecordSeal(Curve25519.Signing.PrivateKey()) }

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.key = key
        check = SealCheck(key.publicKey)
    }

    /// The private half, for the Secret that keeps it.
    var bytes: Data { key.rawRepresentation }
    /// In base64, for those that verify alone.
    var publicKey: String { key.publicKey.rawRepresentation.base64EncodedString() }

    /// The same text for the same writing: what is rendered twice is equal.
    /// - Returns: base64; empty, which nobody takes for a seal, where the system cannot sign.
    func seal(_ writing: SealedWriting) -> String {
        (try? key.signature(for: writing.bytes))?.base64EncodedString() ?? ""
    }

    func isSealed(_ writing: SealedWriting, by text: String?) -> Bool { check.isSealed(writing, by: text) }
}

/// Tells whether a controller sealed it, without being able to seal.
public struct SealCheck: Sendable {
    private let key: Curve25519.Signing.PublicKey

    /// - Returns: nil for what is no public key in base64.
    public init?(publicKey: String) {
        guard let bytes = Data(base64Encoded: publicKey),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return nil }
        self.init(key)
    }

    fileprivate init(_ key: Curve25519.Signing.PublicKey) { self.key = key }

    func isSealed(_ writing: SealedWriting, by text: String?) -> Bool {
        guard let signature = text.flatMap({ Data(base64Encoded: $0) }) else { return false }
        return key.isValidSignature(signature, for: writing.bytes)
    }
}

/// What is sealed, with all that it is bound to: a seal of one object, or of one use, is none of another.
enum SealedWriting {
    /// - Parameter uid: of the ModelDeployment.
    case record(DeploymentKey, uid: String, version: Int, state: String)
    /// A status that waits in a ConfigMap for its object to be made anew.
    case keptRecord(DeploymentKey, status: String)
    /// What proxies follow. - Parameter map: the ConfigMap.
    case route(map: ObjectKey, String)

    /// A JSON array: no two writings have the same bytes.
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

import Crypto
import Foundation
import JSON
import ModelManifests
import SafeText

/// The names of mlctl's objects.
package enum ObjectNames {
    /// The limit for Service names, and for everything that becomes part of a pod's name or a label.
    static let limitBytes = 63
    private static let hashDigits = 8

    /// The name of all objects of a namespace's shared proxy.
    package static let proxy = "mlctl-proxy"
    /// The Secret with the key of a namespace's request ids.
    static let proxyKey = "mlctl-proxy-key"
    /// No ModelDeployment may have these names: its objects would collide with mlctl's own.
    package static let reserved: Set<String> = [proxy, proxyKey]

    /// The name of a revision's Deployment, Service and PodDisruptionBudget.
    static func revision(_ key: DeploymentKey, _ revision: Revision) -> String {
        shortened(key.name, suffix: "-\(revision)")
    }

    /// The ConfigMap that the proxies follow.
    static func route(_ key: DeploymentKey) -> String { shortened(key.name, suffix: "-route") }

    /// The ConfigMap that keeps a record while its ModelDeployment is created again.
    static func record(_ key: DeploymentKey) -> String { shortened(key.name, suffix: "-mlctl-record") }

    /// The Secret with the key that seals a controller's records.
    static func recordKey(of controller: String) -> String { shortened(controller, suffix: "-record-key") }

    /// The Job of one run of a check.
    /// - Parameter run: distinguishes it from other runs of the deployment's checks.
    static func check(_ key: DeploymentKey, _ revision: Revision, run: String) -> String {
        shortened(key.name, suffix: "-\(revision)-check-\(ObjectHash.text(run).prefix(hashDigits))")
    }

    /// `name` and `suffix` in at most 63 bytes. A name that is too long is cut, and ends in a hash of the full name.
    static func shortened(_ name: String, suffix: String = "") -> String {
        let room = limitBytes - suffix.utf8.count
        guard name.utf8.count > room else { return name + suffix }
        let hash = ObjectHash.text(name).prefix(hashDigits)
        let kept = name.utf8.prefix(max(0, room - hashDigits - 1))
        return "\(String(decoding: kept, as: UTF8.self))-\(hash)\(suffix)"
    }
}

/// Short hashes of contents.
enum ObjectHash {
    private static let bytes = 8
    private static let digits = 16

    /// The first 64 bits of the text's SHA-256.
    static func bits(_ text: String) -> UInt64 {
        SHA256.hash(data: Data(text.utf8)).prefix(bytes).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The same as 16 hex digits.
    static func text(_ text: String) -> String { Hex.text(bits(text), digits: digits) }

    static func value(_ value: JSONValue) -> String { text(CanonicalJSON.text(value)) }
}

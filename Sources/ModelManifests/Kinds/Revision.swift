import Crypto
import Foundation
import SafeText

/// The first 10 hex digits of SHA-256 over a serving template's canonical JSON.
package struct Revision: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package var rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    init(of canonical: String) {
        rawValue = Hex.text(SHA256.hash(data: Data(canonical.utf8)).prefix(Self.digestBytes))
    }

    private static let digestBytes = 5

    package var description: String { rawValue }

    package static func < (left: Revision, right: Revision) -> Bool { left.rawValue < right.rawValue }

    package init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// Identifies one object of a kind: `namespace/name`.
package struct DeploymentKey: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package var namespace: String
    package var name: String

    package init(namespace: String = "default", name: String) {
        self.namespace = namespace
        self.name = name
    }

    package var description: String { "\(namespace)/\(name)" }

    /// What a person writes for it after a command: the name alone in the namespace that commands take by default.
    package var argument: String { namespace == "default" ? name : description }

    package static func < (left: DeploymentKey, right: DeploymentKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

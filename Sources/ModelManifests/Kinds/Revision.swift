import Crypto
import Foundation
import SafeText

/// The first 10 hex digits of SHA-256 over a serving template's canonical JSON.
public struct Revision: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public var rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    init(of canonical: String) {
        rawValue = Hex.text(SHA256.hash(data: Data(canonical.utf8)).prefix(Self.digestBytes))
    }

    private static let digestBytes = 5

    public var description: String { rawValue }

    public static func < (left: Revision, right: Revision) -> Bool { left.rawValue < right.rawValue }

    public init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// Identifies one object of a kind: `namespace/name`.
public struct DeploymentKey: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public var namespace: String
    public var name: String

    public init(namespace: String = "default", name: String) {
        self.namespace = namespace
        self.name = name
    }

    public var description: String { "\(namespace)/\(name)" }

    /// What a person writes for it after a command: the name alone in the namespace that commands take by default.
    public var argument: String { namespace == "default" ? name : description }

    public static func < (left: DeploymentKey, right: DeploymentKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

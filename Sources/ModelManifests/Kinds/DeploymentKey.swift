/// Identifies one object of a kind: `namespace/name`.
public struct DeploymentKey: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    public var namespace: String
    public var name: String

    public init(namespace: String = "default", name: String) {
        self.namespace = namespace
        self.name = name
    }

    public var description: String { "\(namespace)/\(name)" }

    public static func < (left: DeploymentKey, right: DeploymentKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

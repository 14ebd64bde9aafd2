import Foundation

/// An event of an object, as `kubectl describe` and `kubectl events` show it (`events.k8s.io/v1`).
public struct KubernetesEvent: Hashable, Sendable {
    public enum Kind: String, Sendable { case normal = "Normal", warning = "Warning" }

    public struct Reference: Hashable, Codable, Sendable {
        public var apiVersion: String
        public var kind: String
        public var name: String
        public var namespace: String?
        public var uid: String?

        public init(_ type: ResourceType, _ metadata: ObjectMetadata) {
            apiVersion = type.apiVersion
            kind = type.kind
            name = metadata.name
            namespace = metadata.namespace
            uid = metadata.uid
        }
    }

    static let maximumWordCharacters = 128
    static let maximumNoteBytes = 1024

    public var regarding: Reference
    public var kind: Kind
    /// Why, in one CamelCase word: `GateFailed`
    public var reason: String
    /// What was done, in one CamelCase word: `RollBack`
    public var action: String
    public var note: String

    /// Cuts texts that are too long for the API.
    public init(regarding: Reference, kind: Kind = .normal, reason: String, action: String, note: String) {
        self.regarding = regarding
        self.kind = kind
        self.reason = String(reason.prefix(Self.maximumWordCharacters))
        self.action = String(action.prefix(Self.maximumWordCharacters))
        self.note = Self.cut(note)
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > maximumNoteBytes else { return text }
        var cut = ""
        for character in text {
            guard cut.utf8.count + character.utf8.count + 3 <= maximumNoteBytes else { break }
            cut.append(character)
        }
        return cut + "…"
    }
}

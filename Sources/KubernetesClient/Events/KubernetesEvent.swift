import Foundation

/// An event of an object, as `kubectl describe` and `kubectl events` show it (`events.k8s.io/v1`).
package struct KubernetesEvent: Hashable, Sendable {
    package enum Kind: String, Sendable { case normal = "Normal", warning = "Warning" }

    package struct Reference: Hashable, Codable, Sendable {
        package var apiVersion: String
        package var kind: String
        package var name: String
        package var namespace: String?
        package var uid: String?

        package init(_ type: ResourceType, _ metadata: ObjectMetadata) {
            apiVersion = type.apiVersion
            kind = type.kind
            name = metadata.name
            namespace = metadata.namespace
            uid = metadata.uid
        }
    }

    static let maximumWordCharacters = 128
    static let maximumNoteBytes = 1024

    package var regarding: Reference
    package var kind: Kind
    /// Why, in one CamelCase word: `GateFailed`
    package var reason: String
    /// What was done, in one CamelCase word: `RollBack`
    package var action: String
    package var note: String

    /// Cuts texts that are too long for the API.
    package init(regarding: Reference, kind: Kind = .normal, reason: String, action: String, note: String) {
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

import Foundation

extension KubernetesAPI {
    /// Makes an object under its name, where nothing is there that says otherwise: what RBAC can hold to that very name,
    /// which it cannot for a plain creation.
    ///
    /// A server-side apply without force, by a manager of its own: of two that make it at once, the second is a conflict.
    /// - Throws: `APIError`; `isConflict` where it is there already, and says something else.
    public func make(_ type: ResourceType, _ key: ObjectKey, body: Data) async throws {
        let manager = "\(Self.fieldManager)-\(UUID().uuidString.lowercased())"
        _ = try await answer(to: .apply(type, key, body: body, fieldManager: manager, force: false))
    }
}

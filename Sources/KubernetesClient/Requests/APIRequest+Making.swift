import Foundation

extension KubernetesAPI {
    /// Creates an object under its name unless a different one exists. It uses apply, because RBAC can limit apply to a name, but
    /// not a plain create.
    ///
    /// A server-side apply without force, with a field manager of its own: if two create the object at once, the second gets a
    /// conflict.
    /// - Throws: `APIError`; `isConflict` if the object exists with other values.
    public func make(_ type: ResourceType, _ key: ObjectKey, body: Data) async throws {
        let manager = "\(Self.fieldManager)-\(UUID().uuidString.lowercased())"
        _ = try await answer(to: .apply(type, key, body: body, fieldManager: manager, force: false))
    }
}

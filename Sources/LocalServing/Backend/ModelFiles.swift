import Foundation
import ModelManifests

/// Where model files come from.
public protocol ModelFiles: Sendable {
    /// The digest of what the model's URI holds now; nil where it has none, or cannot change.
    func pin(_ model: ModelSource) async throws -> Digest?
    /// A folder with the model's files, verified and read-only; nil where the model has none.
    func materialise(_ model: ModelSource) async throws -> URL?
}

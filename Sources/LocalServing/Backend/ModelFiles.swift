import Foundation
import ModelManifests

/// The source of model files.
public protocol ModelFiles: Sendable {
    /// The digest of the files at the model's URI now. Nil if the model has no URI, or if its content cannot change.
    func pin(_ model: ModelSource) async throws -> Digest?
    /// A folder with the model's files, verified and read-only. Nil if the model has no files.
    func materialise(_ model: ModelSource) async throws -> URL?
}

import Foundation

/// Whether files that something else brought are those that a digest names.
public struct ModelVerification: Sendable {
    /// What fetching tools leave in a model's folder beside its files, with times in it.
    static let leftovers = [".cache/huggingface/", ".locks/"]

    let place: String
    let limits: StorageLimits

    /// - Parameter place: a folder, or one file.
    public init(place: String, limits: StorageLimits = StorageLimits()) {
        self.place = place
        self.limits = limits
    }

    /// Reads everything. A folder with one file may also have the digest of that file.
    ///
    /// - Throws: `StorageError`: `digestMismatch` with the digest that it has, `unsupported` for what is no digest, and
    ///   those of reading.
    public func verify(_ text: String) async throws {
        let wanted = try ContentDigest(text)
        let found = try await BlockingWork.run { [place, limits] cancellation in
            var tree = try FileTree(scanning: place, limits: limits, cancellation: cancellation)
            tree.entries.removeAll { entry in Self.leftovers.contains { entry.path.hasPrefix($0) } }
            let contents = try tree.contents(cancellation: cancellation)
            return (tree.digest(contents: contents), contents.count == 1 ? contents.first : nil)
        }
        guard found.0 != wanted, found.1 != wanted else { return }
        throw StorageError(
            .digestMismatch,
            "the files in \(place) are not those that \(wanted) names: they have \(found.0). Put back the files that belong "
                + "to it, or commit the new digest.")
    }
}

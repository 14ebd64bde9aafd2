import Foundation

/// Checks that files match a digest. mlctl did not load these files itself.
package struct ModelVerification: Sendable {
    /// Files that download tools leave in a model's folder. They contain times, so they do not count.
    static let leftovers = [".cache/huggingface/", ".locks/"]

    let place: String
    let limits: StorageLimits

    /// - Parameter place: a folder, or one file.
    package init(place: String, limits: StorageLimits = StorageLimits()) {
        self.place = place
        self.limits = limits
    }

    /// Reads all files. A folder with one file may also match the digest of that file.
    ///
    /// - Throws: `StorageError`: `digestMismatch` with the digest that was found, `unsupported` if `text` is not a digest, and
    ///   errors of reading.
    package func verify(_ text: String) async throws {
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
            "the files in \(place) do not match \(wanted): their digest is \(found.0). Restore the files, "
                + "or commit the new digest.")
    }
}

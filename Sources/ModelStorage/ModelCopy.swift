import Foundation

/// A copy of a model's files for one server, so that the server cannot change the files of others.
package struct ModelCopy: Hashable, Sendable {
    package var bytes: Int64
    /// The file system shares the blocks until one of the two is changed (reflink): the copy takes no disk space.
    package var sharesBlocks: Bool

    /// - Parameters:
    ///   - files: a folder of the cache.
    ///   - place: the destination; what is already there is removed.
    /// - Throws: `StorageError`, such as `diskFull` before anything is written if the copy would not fit; `CancellationError`.
    package static func make(
        of files: String, at place: String, limits: StorageLimits = StorageLimits()
    ) async throws -> ModelCopy {
        try await BlockingWork.run { cancellation in
            try remove(place)
            let tree = try FileTree(scanning: files, limits: limits, cancellation: cancellation)
            var sharesBlocks = true
            do {
                _ = try TreeSnapshot.take(
                    tree, to: place, cancellation: cancellation, progress: { _ in },
                    beforeCopying: {
                        sharesBlocks = false
                        let free = try FileCall.freeBytes(at: place)
                        guard free - limits.minimumFreeBytes >= tree.totalBytes else {
                            throw StorageError(
                                .diskFull,
                                "A copy of the model for one server needs \(SizeText.of(tree.totalBytes)), but the disk has room for "
                                    + "\(SizeText.of(free)). Free disk space, allow user namespaces (then no copy is needed), or use a file "
                                    + "system that shares blocks (btrfs, xfs).")
                        }
                    })
            } catch {
                try? remove(place)
                throw error
            }
            return ModelCopy(bytes: tree.totalBytes, sharesBlocks: sharesBlocks)
        }
    }

    /// Idempotent.
    /// - Throws: `StorageError` if the copy could not be removed.
    package static func remove(_ place: String) throws { try ModelCache(root: place).remove(place) }
}

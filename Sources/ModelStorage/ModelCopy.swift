import Foundation

/// A model's files for one server alone, which can then change nobody else's.
public struct ModelCopy: Hashable, Sendable {
    public var bytes: Int64
    /// The file system shares the blocks until one of the two is changed (reflink): the copy takes no room.
    public var sharesBlocks: Bool

    /// - Parameters:
    ///   - files: a folder of the cache.
    ///   - place: what is there already goes.
    /// - Throws: `StorageError`: `diskFull` before anything is written where it would not fit; `CancellationError`.
    public static func make(
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
                                "A copy of the model for one server takes \(tree.totalBytes) bytes, and the disk has room for "
                                    + "\(free). Make room, allow user namespaces (no copies are made then), or use a file "
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
    /// - Throws: `StorageError` where it could not be taken away.
    public static func remove(_ place: String) throws { try ModelCache(root: place).remove(place) }
}

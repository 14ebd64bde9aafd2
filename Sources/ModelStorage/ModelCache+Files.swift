import Foundation

extension ModelCache {
    /// Moves a verified file to its place. An archive is unpacked first.
    ///
    /// - Parameter path: a file on the cache's file system. It is gone afterwards, even after an error.
    /// - Returns: the folder.
    func publish(
        file path: String, name: String, digest: ContentDigest, limits: StorageLimits, cancellation: Cancellation,
        now: Date
    ) throws -> String {
        let staged = stagingFolder()
        do {
            try createFolder(staged)
            let file = "\(staged)/\(name)"
            guard rename(path, file) == 0, chmod(file, 0o444) == 0 else { throw FileCall.failure("writing", file) }
            if ArchiveName.isArchive(name) {
                return try publish(
                    archive: staged, file: name, digest: digest, limits: limits, cancellation: cancellation, now: now)
            }
            try FileCall.synchronise(file)
            let bytes = Int64(try FileCall.status(of: file).st_size)
            return try publish(staged, digest: digest, name: Self.place(ofFile: name), bytes: bytes, now: now)
        } catch {
            // An error is ignored: `removeLeftovers` removes the rest later.
            try? remove(staged)
            throw error
        }
    }

    /// Unpacks a verified archive and moves its files to their place.
    ///
    /// - Parameters:
    ///   - staged: a folder that holds the archive. It is removed.
    ///   - file: the name of the archive in it.
    func publish(
        archive staged: String, file: String, digest: ContentDigest, limits: StorageLimits, cancellation: Cancellation,
        now: Date
    ) throws -> String {
        let unpacked = stagingFolder()
        do {
            let room = try FileCall.freeBytes(at: staged) - limits.minimumFreeBytes
            var unpacking = Unpacking(
                into: unpacked, name: file, limits: limits, roomBytes: room, cancellation: cancellation)
            try unpacking.unpack("\(staged)/\(file)")
            // This follows each link: none may lead out, or to nothing.
            let tree = try FileTree(scanning: unpacked, limits: limits, cancellation: cancellation)
            let content = try tree.digest(cancellation: cancellation)
            let folder = try publish(
                unpacked, digest: digest, name: Self.unpackedName, bytes: tree.totalBytes, unpacked: content, now: now)
            try? remove(staged)
            return folder
        } catch {
            try? remove(unpacked)
            throw error
        }
    }
}

import Foundation

/// Copies a tree into the cache, so that later edits of the tree do not change the model that serves.
enum TreeSnapshot {
    /// FICLONE: shares the blocks of a file if the file system can (ioctl_ficlone(2)). A hard link would not do: it would share
    /// later edits too.
    static let cloneRequest: UInt = 0x4004_9409

    /// - Parameter destination: a folder that does not exist yet.
    /// - Returns: the digest of the copy, computed while copying.
    /// - Throws: `StorageError`, `CancellationError`.
    static func take(
        _ tree: FileTree, to destination: String, cancellation: Cancellation, progress: (TransferProgress) -> Void,
        beforeCopying: () throws -> Void = {}
    ) throws -> ContentDigest {
        try createFolder(destination)
        var done: Int64 = 0
        var isCopying = false
        let contents = try tree.withFiles { open in
            try tree.entries.map { entry in
                let target = "\(destination)/\(entry.path)"
                try createFolder((target as NSString).deletingLastPathComponent)
                switch entry.kind {
                case .link(let text):
                    guard symlink(text, target) == 0 else { throw FileCall.failure("writing", target) }
                    return ContentDigest(of: text.utf8)
                case .file(let isExecutable):
                    let reader = try open(entry)
                    defer { close(reader) }
                    return try copy(
                        reader, of: tree.path(of: entry), to: target, mode: isExecutable ? 0o555 : 0o444,
                        cancellation: cancellation,
                        beforeCopying: {
                            if !isCopying { try beforeCopying() }
                            isCopying = true
                        }
                    ) { bytes in
                        done += bytes
                        progress(TransferProgress(bytes: done, totalBytes: tree.totalBytes))
                    }
                }
            }
        }
        return tree.digest(contents: contents)
    }

    private static func copy(
        _ reader: Int32, of source: String, to target: String, mode: mode_t, cancellation: Cancellation,
        beforeCopying: () throws -> Void, copied: (Int64) -> Void
    ) throws -> ContentDigest {
        try FileCall.withDescriptor(target, O_RDWR | O_CREAT | O_EXCL, mode: 0o600) { writer in
            var hasher = ContentHasher()
            let isClone = ioctl(writer, cloneRequest, reader) == 0
            if !isClone { try beforeCopying() }
            try FileCall.read(isClone ? writer : reader, path: source, cancellation: cancellation) { piece in
                hasher.update(piece)
                if !isClone { try FileCall.write(piece, to: writer, path: target) }
                copied(Int64(piece.count))
            }
            guard fchmod(writer, mode) == 0, fsync(writer) == 0 else { throw FileCall.failure("writing", target) }
            return hasher.finish()
        }
    }

    private static func createFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch let error as CocoaError {
            throw StorageError(
                error.code == .fileWriteOutOfSpace ? .diskFull : .fileSystem,
                "\(path) cannot be created: \(error.localizedDescription)")
        }
    }
}

/// The progress of a transfer.
package struct TransferProgress: Hashable, Sendable {
    package var bytes: Int64
    /// Nil if the server does not say.
    package var totalBytes: Int64?

    package init(bytes: Int64, totalBytes: Int64?) {
        self.bytes = bytes
        self.totalBytes = totalBytes
    }
}

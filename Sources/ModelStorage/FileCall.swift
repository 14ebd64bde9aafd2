import Foundation

/// System calls on files. Their errors become readable messages.
enum FileCall {
    static let bufferBytes = 1 << 20

    /// - Throws: `StorageError`: `diskFull`, `notFound`, `unauthorized`, `fileSystem`.
    static func failure(_ action: String, _ path: String, code: Int32 = errno) -> StorageError {
        let reason = String(cString: strerror(code))
        return switch code {
        case ENOSPC, EDQUOT:
            StorageError(
                .diskFull,
                "The disk is full: \(action) \(path). Free disk space, or lower the limit of the model cache.")
        case ENOENT, ENOTDIR: StorageError(.notFound, "There is no file at \(path). Check the URI.")
        case EACCES, EPERM:
            StorageError(.unauthorized, "\(path) cannot be read or written (\(reason)). Check its owner and mode.")
        default: StorageError(.fileSystem, "\(action) \(path) failed: \(reason).")
        }
    }

    static func withDescriptor<Value>(
        _ path: String, _ flags: Int32, mode: mode_t = 0o644, _ body: (Int32) throws -> Value
    ) throws -> Value {
        let descriptor = open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("opening", path) }
        defer { close(descriptor) }
        return try body(descriptor)
    }

    /// Writes all of the bytes.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("writing", path) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Passes the file to `body` in pieces of at most `bufferBytes`.
    ///
    /// - Throws: `CancellationError` before the next piece; `StorageError` if reading fails.
    static func read(
        _ descriptor: Int32, path: String, cancellation: Cancellation, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            try cancellation.check()
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("reading", path) }
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    static func digest(of path: String, cancellation: Cancellation) throws -> ContentDigest {
        try withDescriptor(path, O_RDONLY) { descriptor in
            var hasher = ContentHasher()
            try read(descriptor, path: path, cancellation: cancellation) { hasher.update($0) }
            return hasher.finish()
        }
    }

    static func digest(closing descriptor: Int32, path: String, cancellation: Cancellation) throws -> ContentDigest {
        defer { close(descriptor) }
        var hasher = ContentHasher()
        try read(descriptor, path: path, cancellation: cancellation) { hasher.update($0) }
        return hasher.finish()
    }

    static func synchronise(_ path: String) throws {
        try withDescriptor(path, O_RDONLY) { descriptor in
            guard fsync(descriptor) == 0 else { throw failure("writing", path) }
        }
    }

    static func status(of path: String, followsLinks: Bool = false) throws -> stat {
        var status = stat()
        guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { throw failure("reading", path) }
        return status
    }

    /// Bytes that an unprivileged process may still use on the disk of `path`.
    static func freeBytes(at path: String) throws -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw failure("reading", path) }
        return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Files that are either complete or absent, and that only their owner can read.
enum AtomicFile {
    /// Writes to a temporary file, syncs it and renames it.
    /// - Throws: `ProxyError`. The earlier file then stays.
    static func save(_ bytes: some Sequence<UInt8>, to path: String) throws {
        let bytes = Array(bytes)
        let beside = path + ".new"
        let descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("open", beside) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                throw failure("write", beside)
            }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw failure("write", beside) }
        guard rename(beside, path) == 0 else { throw failure("replace", path) }
    }

    /// - Returns: nil if there is no such file.
    /// - Throws: `ProxyError` if it is not a regular file, cannot be read, or is larger than `bytesMax`.
    static func load(_ path: String, bytesMax: Int) throws -> [UInt8]? {
        // Opening a named pipe without O_NONBLOCK would block.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        defer { close(descriptor) }
        var about = stat()
        guard fstat(descriptor, &about) == 0 else { throw failure("read", path) }
        guard about.st_mode & S_IFMT == S_IFREG else {
            throw ProxyError(.stateDirectory, "\(path) is not a regular file. Replace it with one.")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= bytesMax else {
                throw ProxyError(.stateDirectory, "\(path) is over \(bytesMax) bytes. Make it smaller.")
            }
        }
    }

    private static func failure(_ verb: String, _ path: String) -> ProxyError {
        ProxyError(
            .stateDirectory, "cannot \(verb) \(path): \(errnoText()). Free some space, or repair the folder.")
    }
}

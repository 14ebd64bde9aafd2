#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads the files of `endpoint.tls`. As with ssh, a file that others could have changed is refused, and so is a key that others
/// could read. The opened file itself is checked, so nobody can exchange it in between.
enum TLSFile {
    static let bytesMax = 256 * 1024

    /// What of an opened file decides whether it is trusted.
    struct Facts: Hashable {
        var isRegular: Bool
        var owner: UInt32
        var mode: UInt32
    }

    struct Problem: Error, Hashable, CustomStringConvertible {
        var description: String
    }

    /// Why a file is not trusted; nil if it is. Pure.
    static func problem(_ facts: Facts, path: String, isSecret: Bool, user: UInt32) -> Problem? {
        if !facts.isRegular { return Problem(description: "\(path) is not a regular file") }
        if facts.owner != user, facts.owner != 0 {
            return Problem(
                description: "\(path) belongs to user \(facts.owner), who could change it: chown \(user) \(path)")
        }
        let mode = "mode 0" + String(facts.mode & 0o777, radix: 8)
        if isSecret, facts.mode & 0o077 != 0 {
            return Problem(description: "others may read the key \(path) (\(mode)): chmod 600 \(path)")
        }
        if facts.mode & 0o022 != 0 {
            return Problem(description: "others may write to \(path) (\(mode)): chmod go-w \(path)")
        }
        return nil
    }

    /// - Throws: `Problem` if it cannot be read or is not trusted.
    static func read(_ path: String, isSecret: Bool) throws -> [UInt8] {
        // Opening a named pipe without O_NONBLOCK would block.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Problem(description: "\(path) cannot be opened: \(errnoText())") }
        defer { close(descriptor) }
        var about = stat()
        guard fstat(descriptor, &about) == 0 else {
            throw Problem(description: "\(path) cannot be read: \(errnoText())")
        }
        let facts = Facts(
            isRegular: about.st_mode & S_IFMT == S_IFREG, owner: about.st_uid, mode: UInt32(about.st_mode))
        if let problem = problem(facts, path: path, isSecret: isSecret, user: geteuid()) { throw problem }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Problem(description: "\(path) cannot be read: \(errnoText())") }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= bytesMax else { throw Problem(description: "\(path) is over \(bytesMax) bytes") }
        }
    }
}

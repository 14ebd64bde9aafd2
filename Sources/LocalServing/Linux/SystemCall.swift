import Glibc

/// A file descriptor that is closed when the last reference to it is gone.
final class Descriptor: Sendable {
    let raw: Int32

    init(_ raw: Int32) { self.raw = raw }

    deinit { close(raw) }
}

/// An errno with its text: `No such file or directory (2)`.
struct SystemError: Error, Hashable, CustomStringConvertible {
    let code: Int32

    init(_ code: Int32) { self.code = code }

    var description: String { "\(String(cString: strerror(code))) (\(code))" }

    static var last: SystemError { SystemError(errno) }

    /// Checks the result of a C shim: a value, or a negative errno.
    @discardableResult
    static func check(_ result: Int32) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(-result) }
        return result
    }
}

/// Reads the current content of a file, at most `limit` bytes. Nil if the file cannot be read.
func readSmallFile(_ path: String, limit: Int = 1 << 20) -> [UInt8]? {
    let raw = open(path, O_RDONLY | O_CLOEXEC)
    guard raw >= 0 else { return nil }
    defer { close(raw) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(limit, 1 << 16))
    while bytes.count < limit {
        let count = read(raw, &chunk, min(chunk.count, limit - bytes.count))
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { return bytes.isEmpty ? nil : bytes }
        if count == 0 { break }
        bytes.append(contentsOf: chunk[0..<count])
    }
    return bytes
}

/// The target of a symbolic link. Nil if there is none, or if it cannot be read.
func linkTarget(of path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(path, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[0..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
}

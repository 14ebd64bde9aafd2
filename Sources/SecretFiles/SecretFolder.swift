import Glibc

/// A folder with one file per secret, filled by the operator. A manifest's `valueFrom` names these secrets.
///
/// The folder may be a mounted Kubernetes Secret, whose files are links.
package struct SecretFolder: Hashable, Codable, Sendable {
    package struct Missing: Error, Hashable, Sendable {
        /// What is wrong and what to do about it.
        package var message: String
        /// True where no change of the folder can help, because the name itself is invalid.
        package var isHopeless: Bool
    }

    package static let bytesLimit = 1 << 20
    static let nameBytesLimit = 200

    package var path: String
    /// The secrets that may be named (a project's `policy.secrets`); nil allows all.
    package var allowed: Set<String>?

    package init(path: String, allowed: Set<String>? = nil) {
        self.path = path
        self.allowed = allowed
    }

    /// - Throws: `Missing` where the secret does not exist, may not be named, or cannot be the value of a variable.
    package func value(of name: String) throws(Missing) -> String {
        guard Self.isSafe(name) else {
            throw Missing(
                message:
                    "the secret \(name.debugDescription) cannot be a file's name. Use letters, digits, '.', '_' and '-'",
                isHopeless: true)
        }
        if let allowed, !allowed.contains(name) {
            throw Missing(
                message: "the secret \(name) is not allowed here: add it to `secrets` in its project's policy",
                isHopeless: false)
        }
        let file = "\(path)/\(name)"
        guard let bytes = Self.read(file) else {
            throw Missing(
                message: "the secret \(name) cannot be read: put its value into \(file) (mode 0600)",
                isHopeless: false)
        }
        guard bytes.count <= Self.bytesLimit, !bytes.contains(0) else {
            throw Missing(
                message:
                    "the secret in \(file) cannot be a variable's value: it is larger than 1 MiB or contains a NUL byte",
                isHopeless: false)
        }
        // The newline that editors add at the end is not part of the secret.
        return String(decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    /// Reads at most one byte more than the limit; nil where it is not a regular file or cannot be read. A pipe does not block.
    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var about = stat()
        guard fstat(descriptor, &about) == 0, about.st_mode & S_IFMT == S_IFREG else { return nil }
        let most = bytesLimit + 1
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(most, max(4096, Int(about.st_size) + 1)))
        while bytes.count < most {
            let count = Glibc.read(descriptor, &piece, min(piece.count, most - bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        return bytes
    }

    private static func isSafe(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= nameBytesLimit, first != UInt8(ascii: ".") else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }
}

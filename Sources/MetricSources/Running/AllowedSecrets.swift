import Foundation

/// Secrets that the operator has put into a folder: what a manifest's `valueFrom` may name.
struct AllowedSecrets: Sendable {
    struct Missing: Error, Hashable {
        /// What to do.
        var message: String
    }

    static let bytesLimit = 1 << 20
    static let nameBytesLimit = 200

    var folder: String

    /// - Throws: `Missing` for one that is not there, or is too large.
    func value(of name: String) throws(Missing) -> String {
        guard Self.isSafe(name) else {
            throw Missing(
                message:
                    "the secret \(name.debugDescription) cannot be a file's name. Use letters, digits, '.', '_' and '-'"
            )
        }
        let path = "\(folder)/\(name)"
        guard let file = FileHandle(forReadingAtPath: path), let bytes = try? file.read(upToCount: Self.bytesLimit + 1)
        else {
            throw Missing(message: "the secret \(name) is not allowed here: put its value into \(path) (mode 0600)")
        }
        guard bytes.count <= Self.bytesLimit, !bytes.contains(0) else {
            throw Missing(
                message: "the secret in \(path) cannot be a variable: it is larger than 1 MiB, or holds a NUL")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        // An editor's last newline is no part of a secret.
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    private static func isSafe(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= nameBytesLimit, first != UInt8(ascii: ".") else {
            return false
        }
        return name.utf8.allSatisfy(\.isOfFileName)
    }
}

extension UInt8 {
    /// A letter, digit, '.', '_' or '-'.
    var isOfFileName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

import Crypto
import Foundation
import SafeText

/// `sha256:` and 64 lower-case hex digits.
struct ContentDigest: Hashable, Sendable, CustomStringConvertible {
    let hex: String

    /// - Throws: `StorageError` with `unsupported`.
    init(_ text: String) throws(StorageError) {
        let digits = text.dropFirst("sha256:".count).lowercased()
        guard text.hasPrefix("sha256:"), digits.utf8.count == 64, Hex.isHex(digits) else {
            throw StorageError(.unsupported, "'\(text.prefix(100))' is not a digest. Write sha256: and 64 hex digits.")
        }
        hex = digits
    }

    init(_ digest: SHA256Digest) {
        hex = Hex.text(digest)
    }

    init(of bytes: some Sequence<UInt8>) { self.init(SHA256.hash(data: Array(bytes))) }

    var description: String { "sha256:\(hex)" }
}

/// An incremental SHA-256.
struct ContentHasher {
    private var hash = SHA256()

    mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    mutating func update(_ text: String) { hash.update(data: Array(text.utf8)) }

    func finish() -> ContentDigest { ContentDigest(hash.finalize()) }
}

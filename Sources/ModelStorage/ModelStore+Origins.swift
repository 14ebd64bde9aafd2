import Foundation

// Which addresses had which files. The cache finds files by their digest, whoever asks, so a project whose sources are restricted
// must not reach another project's files by naming their digest.
extension ModelStore {
    /// Keeps that an address had the files with a digest.
    func noteOrigin(_ uri: String, of digest: ContentDigest) {
        // The memo of the address itself is not enough: the next pin replaces it, and the files may be rolled back to.
        guard cache.memos.memo(for: Self.originName(uri, digest)) == nil else { return }
        // An error is ignored: without the memo, the address is read once more.
        try? cache.memos.save(PinMemo(source: uri, digest: digest), for: Self.originName(uri, digest))
    }

    func hasOrigin(_ uri: String, of digest: ContentDigest) -> Bool {
        cache.memos.memo(for: Self.originName(uri, digest)) != nil
            || cache.memos.memo(for: uri)?.digest == digest.description
    }

    private static func originName(_ uri: String, _ digest: ContentDigest) -> String { "\(uri)\n\(digest.hex)\norigin" }
}

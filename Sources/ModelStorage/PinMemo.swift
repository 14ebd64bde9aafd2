import Foundation

/// The digest that a URI had last time. With it an unchanged tree is not read again, and an unchanged file is not downloaded
/// again.
struct PinMemo: Hashable, Codable, Sendable {
    struct Validators: Hashable, Codable, Sendable {
        var etag: String?
        var lastModified: String?

        init?(_ head: ResponseHead) {
            guard head.etag != nil || head.lastModified != nil else { return nil }
            etag = head.etag
            lastModified = head.lastModified
        }
    }

    /// File times are coarse. A file that changed less than this before it was read may change again without a new time.
    static let clockGranularity: Int64 = 2_000_000_000

    var digest: String
    /// For a tree.
    var fingerprint: String?
    /// For a web file.
    var validators: Validators?
    /// For a model that a store lists: `RemoteListing.identity`.
    var listing: String?
    /// For an alias or a tag: the address that it led to when it had this digest.
    var source: String?

    /// Nil if the tree changed so recently that its next change could keep the same times.
    init?(tree: FileTree, digest: ContentDigest, startedAt: Date) {
        let started = Int64(startedAt.timeIntervalSince1970 * 1e9)
        guard tree.newestChange < started - Self.clockGranularity else { return nil }
        self.digest = digest.description
        fingerprint = tree.fingerprint
    }

    /// - Parameter listing: nil where the store cannot say that the content is the same.
    init(listing: String?, digest: ContentDigest) {
        self.digest = digest.description
        self.listing = listing
    }

    init(source: String, digest: ContentDigest) {
        self.digest = digest.description
        self.source = source
    }

    init(head: ResponseHead, digest: ContentDigest) {
        self.digest = digest.description
        validators = Validators(head)
    }
}

/// The memos on disk. A lost memo costs time, never correctness.
struct PinMemos: Sendable {
    static let maximumCount = 4096

    let folder: String

    func memo(for uri: String) -> PinMemo? {
        guard let data = FileManager.default.contents(atPath: path(for: uri)) else { return nil }
        return try? JSONDecoder().decode(PinMemo.self, from: data)
    }

    func save(_ memo: PinMemo, for uri: String) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = path(for: uri)
        if !files.fileExists(atPath: path), try files.contentsOfDirectory(atPath: folder).count >= Self.maximumCount {
            try files.removeItem(atPath: folder)
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        try JSONEncoder().encode(memo).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// A URI may contain secrets, so the file is named by its digest.
    private func path(for uri: String) -> String { "\(folder)/\(ContentDigest(of: uri.utf8).hex).json" }
}

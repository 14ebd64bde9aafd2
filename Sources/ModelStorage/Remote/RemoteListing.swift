/// One file of a model, as a store lists it.
struct RemoteFile: Hashable, Sendable {
    /// Relative to the model's folder. A single file's own name.
    var path: String
    var location: WebLocation
    /// Nil if the store did not say.
    var bytes: Int64?
    /// The store sends the file only if it still has this ETag.
    var tag: String?
    /// What the store says that the content is.
    var digest: ContentDigest?
    /// Differs whenever the content may differ, unless `isFixed` is false.
    var identity: String
    /// Whether the store tells changed content from the same content: by a digest, a tag, a version or a commit.
    var isFixed = true
}

/// All files of a model, as a store lists them at one moment.
struct RemoteListing: Sendable {
    /// Sorted by the UTF-8 bytes of their paths. Paths are relative, and each names one file.
    let files: [RemoteFile]
    /// The model is one file, not a folder with one file.
    let isSingleFile: Bool
    let access: StoreAccess
    /// How the files become the model's folder; nil where they are its files as they are.
    var layers: LayerPlan?

    /// - Parameter name: the place, for messages.
    /// - Throws: `StorageError`: `tooLarge`, `unusableTree`, `notFound`.
    init(
        _ files: [RemoteFile], isSingleFile: Bool, access: StoreAccess, of name: String, limits: StorageLimits
    ) throws(StorageError) {
        guard !files.isEmpty else { throw StorageError(.notFound, "\(name) holds no files. Check the URI.") }
        guard files.count <= limits.maximumFiles else {
            throw StorageError(
                .tooLarge,
                "\(name) has more than \(limits.maximumFiles) files, the limit for a model. Pack them into one archive."
            )
        }
        var total: Int64 = 0
        for file in files {
            let (sum, overflow) = total.addingReportingOverflow(file.bytes ?? 0)
            guard !overflow, sum <= limits.maximumModelBytes, file.bytes ?? 0 >= 0 else {
                throw StorageError(
                    .tooLarge, "\(name) has more than \(SizeText.of(limits.maximumModelBytes)), the limit for a model.")
            }
            total = sum
        }
        try PathSet.check(files.map(\.path), of: name)
        self.files = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        self.isSingleFile = isSingleFile
        self.access = access
    }

    /// Nil if the store did not say.
    var totalBytes: Int64? {
        files.reduce(Int64(0)) { sum, file in sum.flatMap { sum in file.bytes.map { sum + $0 } } }
    }

    /// An equal identity means equal content; nil where the store cannot say that the content is the same.
    var identity: String? {
        guard files.allSatisfy(\.isFixed) else { return nil }

        let lines = files.map { "\($0.path)\u{1}\($0.bytes ?? -1)\u{1}\($0.identity)" }
        return ContentDigest(of: (["\(isSingleFile)"] + lines).joined(separator: "\0").utf8).hex
    }
}

/// Paths of files that may stand together in one folder.
enum PathSet {
    static let maximumPathBytes = 4000
    static let maximumNameBytes = 255

    /// - Throws: `StorageError` with `unusableTree`: a path that leaves the folder or cannot be a file's, a path that is there
    ///   twice, or a file where another path needs a folder.
    static func check(_ paths: [String], of place: String) throws(StorageError) {
        var seen: Set<[UInt8]> = []
        for path in paths {
            guard isUsable(path) else {
                throw StorageError(
                    .unusableTree,
                    "\(place) has a file with the path '\(path.prefix(200))', which cannot be a file in a folder. Rename it."
                )
            }
            guard seen.insert(Array(path.utf8)).inserted else {
                throw StorageError(
                    .unusableTree, "\(place) has two files with the path '\(path.prefix(200))'. Rename one.")
            }
        }
        for path in paths {
            var folder = path[...]
            while let slash = folder.lastIndex(of: "/") {
                folder = folder[..<slash]
                guard !seen.contains(Array(folder.utf8)) else {
                    throw StorageError(
                        .unusableTree,
                        "\(place) has a file '\(folder.prefix(200))' and files below it, which no folder can hold. Rename one."
                    )
                }
            }
        }
    }

    /// Relative, without `.`, `..`, empty parts and control characters.
    static func isUsable(_ path: String) -> Bool {
        guard path.utf8.count <= maximumPathBytes, !path.isEmpty,
            path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return false }
        // Compares bytes: a combining mark after a slash belongs to a name.
        return path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.count <= maximumNameBytes && !part.elementsEqual(".".utf8)
                && !part.elementsEqual("..".utf8)
        }
    }
}

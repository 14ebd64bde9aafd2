/// What a layer of an artifact or an image becomes in the model's folder.
struct LayerPlan: Hashable, Sendable {
    enum Content: Hashable, Sendable {
        /// The layer is one file.
        case file(path: String)
        /// The layer is a tar archive, plain or compressed with gzip.
        case archive
    }

    /// In the order of the manifest.
    var contents: [Content]
    /// The layers are those of a container image: only what is below `/models` is taken, and higher layers replace lower ones.
    var isImage: Bool
}

/// Takes the files below `/models` of an image's layers, from the highest layer to the lowest. Pure.
///
/// A path that a higher layer has is not taken from a lower one, and neither is what a higher layer removed: `.wh.NAME` removes
/// NAME, and `.wh..wh..opq` removes everything that lower layers have in that folder.
struct LayerOverlay {
    static let root = "models"
    static let whiteout = ".wh."
    static let opaque = ".wh..wh..opq"
    static let maximumWhiteouts = 100_000

    private struct Layer {
        /// Files and links.
        var files: Set<[UInt8]> = []
        var folders: Set<[UInt8]> = []
        var removed: Set<[UInt8]> = []
        /// Folders whose lower content is removed. The empty path is the root.
        var opaque: Set<[UInt8]> = []
    }

    private var higher = Layer()
    private var current = Layer()

    /// The next entries are those of the layer below.
    mutating func endLayer() {
        higher.files.formUnion(current.files)
        higher.folders.formUnion(current.folders)
        higher.removed.formUnion(current.removed)
        higher.opaque.formUnion(current.opaque)
        current = Layer()
    }

    /// - Returns: the entry, relative to `/models`; nil if it is not taken.
    /// - Throws: `ArchiveFault`.
    mutating func take(_ entry: ArchiveEntry) throws(ArchiveFault) -> ArchiveEntry? {
        guard let path = try Self.path(entry.path) else { return nil }
        let name = path.split(separator: "/").last ?? ""
        let folder = path.dropLast(name.utf8.count + 1)
        if name == Self.opaque {
            if let below = Self.below(folder) { current.opaque.insert(Array(below.utf8)) }
            if folder.isEmpty { current.opaque.insert([]) }
            return try checked(nil)
        }
        if name.hasPrefix(Self.whiteout) {
            let removed = (folder.isEmpty ? "" : "\(folder)/") + name.dropFirst(Self.whiteout.count)
            if removed == Self.root {
                current.opaque.insert([])
            } else if let below = Self.below(removed[...]), !below.isEmpty {
                current.removed.insert(Array(below.utf8))
            }
            return try checked(nil)
        }
        guard let below = Self.below(path[...]) else { return nil }
        guard !below.isEmpty else {
            guard entry.kind == .folder else {
                throw ArchiveFault(
                    reason: "/\(Self.root) in it is no folder", advice: "Copy the model's files to /\(Self.root).")
            }
            return nil
        }
        guard !isHidden(below, isFolder: entry.kind == .folder) else { return nil }
        var taken = entry
        taken.path = String(below)
        if case .sameAs(let other) = entry.kind {
            guard let place = try Self.path(other).flatMap({ Self.below($0[...]) }),
                current.files.contains(Array(place.utf8))
            else {
                throw ArchiveFault(
                    reason: "'\(below.prefix(200))' in it is a hard link to a file outside of /\(Self.root)",
                    advice: "Copy the file into /\(Self.root).")
            }
            taken.kind = .sameAs(path: String(place))
        }
        if entry.kind == .folder {
            current.folders.insert(Array(below.utf8))
        } else {
            current.files.insert(Array(below.utf8))
        }
        for parent in Self.parents(below) { current.folders.insert(parent) }
        return taken
    }

    private func checked(_ entry: ArchiveEntry?) throws(ArchiveFault) -> ArchiveEntry? {
        let count = higher.removed.count + current.removed.count + higher.opaque.count + current.opaque.count
        guard count <= Self.maximumWhiteouts else {
            throw ArchiveFault(
                code: .tooLarge, reason: "it removes more than \(Self.maximumWhiteouts) files of its layers")
        }
        return entry
    }

    private func isHidden(_ path: Substring, isFolder: Bool) -> Bool {
        let bytes = Array(path.utf8)
        let parents = Self.parents(path)
        if higher.removed.contains(bytes) || higher.files.contains(bytes) { return true }
        if !isFolder && higher.folders.contains(bytes) { return true }
        return higher.opaque.contains([])
            || parents.contains {
                higher.removed.contains($0) || higher.files.contains($0) || higher.opaque.contains($0)
            }
    }

    /// All folders above a path, without the root.
    private static func parents(_ path: Substring) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var rest = Array(path.utf8)[...]
        while let slash = rest.lastIndex(of: UInt8(ascii: "/")) {
            rest = rest[..<slash]
            result.append(Array(rest))
        }
        return result
    }

    /// The path relative to `/models`; nil if it is outside.
    private static func below(_ path: Substring) -> Substring? {
        if path == root { return "" }
        return path.hasPrefix("\(root)/") ? path.dropFirst(root.utf8.count + 1) : nil
    }

    /// - Returns: nil for the image's root, and for an unusable path that is not the model's.
    private static func path(_ text: String) throws(ArchiveFault) -> String? {
        // Some programs write absolute paths, which are relative to the image's root.
        let relative = String(text.drop { $0 == "/" })
        if let path = Unpacking.path(relative) { return path.isEmpty ? nil : path }
        guard relative.contains(root) else { return nil }
        throw ArchiveFault(reason: "'\(text.prefix(200))' in it cannot be a file", advice: "Rename it.")
    }
}

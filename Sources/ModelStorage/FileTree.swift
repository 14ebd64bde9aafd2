import CLinuxProcess
import Foundation

/// The files and links of a model's folder (or its single file), as `lstat` sees them. Empty folders are left out.
struct FileTree: Sendable {
    enum Kind: Hashable, Sendable {
        case file(isExecutable: Bool)
        /// Points to another place of the same tree.
        case link(target: String)
    }

    struct Entry: Hashable, Sendable {
        /// Relative to the root. For a single file: its name.
        var path: String
        var kind: Kind
        var bytes: Int64
    }

    let root: String
    /// Sorted by the UTF-8 bytes of their paths.
    var entries: [Entry] = []
    var totalBytes: Int64 = 0
    /// Whether `root` is a single file.
    var isSingleFile = false
    /// A hash of paths, sizes, times, inodes and modes. An equal fingerprint means equal content.
    var fingerprint = ""
    /// The newest modification or inode change of an entry, in nanoseconds since 1970.
    var newestChange: Int64 = 0

    /// - Throws: `StorageError`: `notFound`, `unauthorized`, `tooLarge`, `unusableTree`, `notAllowed`; `CancellationError`.
    ///
    /// - Parameter roots: the places that a model may come from; nil for mlctl's own folders.
    init(
        scanning root: String, roots: FileRoots? = nil, limits: StorageLimits, cancellation: Cancellation
    ) throws {
        let name = URL(fileURLWithPath: root).lastPathComponent
        // The root itself may be a symbolic link ('current'). It is resolved once, here.
        let root = Self.realPath(root) ?? root
        try roots?.check(root)
        self.root = root
        var scan = Scan(root: root, limits: limits, cancellation: cancellation)
        let status = try FileCall.status(of: root, followsLinks: true)
        if status.st_mode & S_IFMT == S_IFREG {
            isSingleFile = true
            try scan.take(name, status, at: root)
        } else if status.st_mode & S_IFMT == S_IFDIR {
            try scan.walk()
        } else {
            throw StorageError(.unusableTree, "\(root) is neither a file nor a folder. Point the URI at one.")
        }
        entries = scan.entries.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        totalBytes = scan.totalBytes
        newestChange = scan.newestChange
        fingerprint = ContentDigest(of: scan.marks.sorted().joined(separator: "\0").utf8).hex
    }

    /// Files that are not in a folder yet.
    init(root: String, files: [Entry]) {
        self.root = root
        entries = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        totalBytes = files.reduce(0) { $0 + $1.bytes }
    }

    static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(validatingCString: resolved)
    }

    func path(of entry: Entry) -> String { isSingleFile ? root : "\(root)/\(entry.path)" }

    /// Opens the entries' files safely while others may change the tree: no symbolic link is followed, opening never blocks, and
    /// only files of this tree are read.
    func withFiles<Value>(_ body: ((Entry) throws -> Int32) throws -> Value) throws -> Value {
        let base = clp_open_resolved(root, isSingleFile ? 0 : 1)
        guard base >= 0 else { throw Self.failure(-base, root) }
        defer { close(base) }
        return try body { entry in
            let descriptor = isSingleFile ? fcntl(base, F_DUPFD_CLOEXEC, 0) : clp_open_below(base, entry.path)
            guard descriptor >= 0 else { throw Self.failure(isSingleFile ? errno : -descriptor, path(of: entry)) }
            if isSingleFile { lseek(descriptor, 0, SEEK_SET) }
            return descriptor
        }
    }

    private static func failure(_ code: Int32, _ path: String) -> StorageError {
        switch code {
        case EINVAL:
            StorageError(
                .unusableTree,
                "\(path) is a device, a pipe, a socket or a kernel file, which a model cannot contain. Remove it."
            )
        case ELOOP, ENOTDIR, ENOENT:
            StorageError(.changing, "\(path) changed while it was read. Finish writing it, or move it there complete.")
        default: FileCall.failure("opening", path, code: code)
        }
    }

    /// The digest of a single file is that of its bytes. A tree's digest is SHA-256 over `mlctl-tree-v1 LF` and one record for
    /// each entry, sorted by the bytes of their paths:
    ///
    ///     f SP <bytes> SP <hex SHA-256 of the content> SP <path> NUL      (x for an executable)
    ///     l SP <bytes> SP <hex SHA-256 of the target> SP <path> NUL       (a symbolic link)
    ///
    /// Times, owners and other modes do not count, so a copy has the same digest as its original.
    ///
    /// - Parameter contents: the digest of each entry's bytes.
    func digest(contents: [ContentDigest]) -> ContentDigest {
        if isSingleFile, let only = contents.first { return only }
        var hasher = ContentHasher()
        hasher.update("mlctl-tree-v1\n")
        for (entry, content) in zip(entries, contents) {
            let letter =
                switch entry.kind {
                case .file(let isExecutable): isExecutable ? "x" : "f"
                case .link: "l"
                }
            hasher.update("\(letter) \(entry.bytes) \(content.hex) \(entry.path)\0")
        }
        return hasher.finish()
    }

    /// Reads the whole tree.
    func digest(cancellation: Cancellation) throws -> ContentDigest {
        digest(contents: try contents(cancellation: cancellation))
    }

    /// The digest of each entry's bytes.
    func contents(cancellation: Cancellation) throws -> [ContentDigest] {
        try withFiles { open in
            try entries.map { entry in
                switch entry.kind {
                case .link(let target): ContentDigest(of: target.utf8)
                case .file: try FileCall.digest(closing: open(entry), path: path(of: entry), cancellation: cancellation)
                }
            }
        }
    }
}

/// Walks through a folder.
private struct Scan {
    let root: String
    let limits: StorageLimits
    let cancellation: Cancellation
    var entries: [FileTree.Entry] = []
    var totalBytes: Int64 = 0
    var newestChange: Int64 = 0
    var marks: [String] = []
    private var folders = 0

    init(root: String, limits: StorageLimits, cancellation: Cancellation) {
        self.root = root
        self.limits = limits
        self.cancellation = cancellation
    }

    mutating func walk() throws {
        var waiting = [""]
        while let folder = waiting.popLast() {
            try cancellation.check()
            folders += 1
            guard folders <= limits.maximumFiles else { throw tooMany() }
            for name in try names(in: folder.isEmpty ? root : "\(root)/\(folder)") {
                let path = folder.isEmpty ? name : "\(folder)/\(name)"
                let status = try FileCall.status(of: "\(root)/\(path)")
                if status.st_mode & S_IFMT == S_IFDIR {
                    waiting.append(path)
                } else {
                    try take(path, status, at: "\(root)/\(path)")
                }
            }
        }
    }

    mutating func take(_ path: String, _ status: stat, at place: String) throws {
        let kind: FileTree.Kind
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file(isExecutable: status.st_mode & S_IXUSR != 0)
        case S_IFLNK: kind = .link(target: try target(ofLink: path, at: place))
        default:
            throw StorageError(
                .unusableTree, "\(place) is a device, a pipe or a socket, which a model cannot contain. Remove it.")
        }
        let bytes = Int64(status.st_size)
        entries.append(FileTree.Entry(path: path, kind: kind, bytes: bytes))
        totalBytes += bytes
        guard entries.count <= limits.maximumFiles else { throw tooMany() }
        guard totalBytes <= limits.maximumModelBytes else {
            throw StorageError(
                .tooLarge, "\(root) has more than \(SizeText.of(limits.maximumModelBytes)), the limit for a model.")
        }
        let modified = nanoseconds(status.st_mtim)
        let changed = nanoseconds(status.st_ctim)
        newestChange = max(newestChange, modified, changed)
        marks.append("\(path)\u{1}\(bytes) \(modified) \(changed) \(status.st_ino) \(status.st_dev) \(status.st_mode)")
    }

    /// A link's target must be relative, exist, and be within the tree once all links are resolved.
    private func target(ofLink path: String, at place: String) throws -> String {
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: place)
        guard !target.hasPrefix("/"), let real = FileTree.realPath(place),
            real == root || real.hasPrefix(root + "/")
        else {
            throw StorageError(
                .unusableTree,
                "\(place) is a symbolic link that points out of the model's folder, or to nothing ('\(target)'). "
                    + "Replace it with the file itself.")
        }
        return target
    }

    private func names(in folder: String) throws -> [String] {
        guard let stream = opendir(folder) else { throw FileCall.failure("reading", folder) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileCall.failure("reading", folder) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) {
                    String(validatingCString: $0)
                }
            }
            guard let name else {
                throw StorageError(.unusableTree, "A file in \(folder) has a name that is not UTF-8. Rename it.")
            }
            if name != ".", name != ".." { names.append(name) }
            guard names.count <= limits.maximumFiles else { throw tooMany() }
        }
    }

    private func tooMany() -> StorageError {
        StorageError(
            .tooLarge,
            "\(root) has more than \(limits.maximumFiles) files, the limit for a model. Pack them into one file.")
    }

    private func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }
}

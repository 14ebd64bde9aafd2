import Foundation

/// Unpacks an archive into a new folder.
///
/// No file leaves the folder: paths are relative and without `..`, links are made last, so that nothing is written through one,
/// and each link points to a place within. Files, bytes and the expansion are bounded.
struct Unpacking {
    /// A compressed archive up to this size is read twice: its files are counted first.
    static let countedBytes: Int64 = 64 << 20

    /// Where the archive's files go. Nothing else uses it.
    let folder: String
    /// For messages.
    let name: String
    let limits: StorageLimits
    /// How many bytes fit on the disk.
    let roomBytes: Int64
    let cancellation: Cancellation

    private var files: Set<[UInt8]> = []
    private var folders: Set<[UInt8]> = []
    private var links: [(path: String, target: String)] = []
    private var bytes: Int64 = 0
    private var allowedBytes: Int64 = 0
    /// What of an image's layers is taken; nil takes everything.
    private var overlay: LayerOverlay?

    init(into folder: String, name: String, limits: StorageLimits, roomBytes: Int64, cancellation: Cancellation) {
        self.folder = folder
        self.name = name
        self.limits = limits
        self.roomBytes = roomBytes
        self.cancellation = cancellation
    }

    /// - Throws: `StorageError`: `unusableTree`, `tooLarge`, `diskFull`; `CancellationError`.
    mutating func unpack(_ archive: String) throws {
        try naming("The archive \(name)") { unpacking in
            try unpacking.makeFolder(unpacking.folder)
            try unpacking.open(archive) { try $0.unpack($1) }
            try unpacking.makeLinks()
            guard !unpacking.files.isEmpty else { throw ArchiveFault(reason: "it holds no files") }
        }
    }

    /// Makes a folder of an artifact's or an image's layers.
    ///
    /// - Parameters:
    ///   - paths: the layers' files, in the order of the plan. Those that are no archives are moved.
    ///   - plan: what each layer is.
    /// - Throws: as `unpack(_:)`.
    mutating func assemble(_ paths: [String], _ plan: LayerPlan) throws {
        try naming(name) { unpacking in
            try unpacking.makeFolder(unpacking.folder)
            if plan.isImage { unpacking.overlay = LayerOverlay() }
            // In an image, a higher layer replaces what is in a lower one.
            for (path, content) in plan.isImage
                ? zip(paths, plan.contents).reversed() : Array(zip(paths, plan.contents))
            {
                switch content {
                case .archive: try unpacking.open(path) { try $0.unpack($1) }
                case .file(let target): try unpacking.move(path, to: target)
                }
                unpacking.overlay?.endLayer()
            }
            try unpacking.makeLinks()
            guard !unpacking.files.isEmpty else {
                throw ArchiveFault(
                    reason: plan.isImage ? "it has no files below /\(LayerOverlay.root)" : "it holds no files",
                    advice: plan.isImage ? "A ModelCar image has its model there." : "Push the model's files.")
            }
        }
    }

    private mutating func naming(_ what: String, _ body: (inout Unpacking) throws -> Void) throws {
        do {
            try body(&self)
        } catch let fault as ArchiveFault {
            throw StorageError(fault.code, "\(what) cannot be unpacked: \(fault.reason). \(fault.advice)")
        }
    }

    private mutating func open(_ archive: String, _ body: (inout Unpacking, DescriptorBytes) throws -> Void) throws {
        try FileCall.withDescriptor(archive, O_RDONLY) { descriptor in
            let size = Int64(try FileCall.status(of: archive).st_size)
            let (expanded, overflow) = size.multipliedReportingOverflow(by: limits.maximumExpansion)
            // What earlier layers were allowed and did not use is not added.
            allowedBytes = min(
                limits.maximumModelBytes, overflow ? .max : bytes + max(expanded, limits.expansionFloorBytes))
            try body(
                &self,
                DescriptorBytes(descriptor: descriptor, path: archive, count: size, cancellation: cancellation))
        }
    }

    private mutating func move(_ path: String, to target: String) throws {
        let entry = ArchiveEntry(path: target, kind: .file(isExecutable: false), bytes: 0)
        guard let target = try place(entry) else { throw Self.leaves(target) }
        guard rename(path, "\(folder)/\(target)") == 0, chmod("\(folder)/\(target)", 0o444) == 0 else {
            throw FileCall.failure("writing", "\(folder)/\(target)")
        }
        try FileCall.synchronise("\(folder)/\(target)")
    }

    private mutating func unpack(_ bytes: DescriptorBytes) throws {
        var start = [UInt8](repeating: 0, count: 4)
        let count = try start.withUnsafeMutableBytes { try bytes.read(at: 0, into: $0) }
        let whole = ByteRange(bytes: bytes, position: 0, end: bytes.count)
        switch start.prefix(count) {
        case [0x50, 0x4B, 0x03, 0x04], [0x50, 0x4B, 0x05, 0x06]:
            try unpack(zip: try ZipReader(bytes, maximumFiles: limits.maximumFiles))
        case let start where start.starts(with: [0x1F, 0x8B]):
            if bytes.count <= Self.countedBytes {
                var counting = TarReader(try InflatingSource(whole, .gzip))
                try countFiles(&counting)
            }
            var reader = TarReader(try InflatingSource(whole, .gzip))
            try unpack(tar: &reader)
        case [0x28, 0xB5, 0x2F, 0xFD]:
            throw ArchiveFault(
                code: .unsupported, reason: "it is compressed with zstd, which mlctl cannot read",
                advice: "Pack it with gzip.")
        default:
            var counting = TarReader(whole)
            try countFiles(&counting)
            var reader = TarReader(whole)
            try unpack(tar: &reader)
        }
    }

    /// Refuses too many files before the first is written: writing 100,000 files takes minutes, and reading their headers does not.
    private func countFiles(_ reader: inout TarReader<some ByteSource>) throws {
        var count = files.count
        while let entry = try reader.next() {
            try cancellation.check()
            count += entry.kind == .folder ? 0 : 1
            guard count <= limits.maximumFiles || overlay != nil else {
                throw ArchiveFault.tooManyFiles(limits.maximumFiles)
            }
        }
    }

    private mutating func unpack(tar reader: inout TarReader<some ByteSource>) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileCall.bufferBytes, alignment: 16)
        defer { buffer.deallocate() }
        while let entry = try reader.next() {
            try cancellation.check()
            var entry = entry
            if overlay != nil {
                guard let taken = try overlay?.take(entry) else { continue }
                entry = taken
            }
            guard let path = try place(entry), case .file(let isExecutable) = entry.kind else { continue }
            try write(path, isExecutable: isExecutable) { write in
                while true {
                    let count = try reader.read(into: buffer)
                    if count == 0 { return }
                    try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                }
            }
        }
    }

    private mutating func unpack(zip reader: ZipReader<some RandomBytes>) throws {
        for item in reader.items {
            try cancellation.check()
            var entry = item.entry
            if item.isLink { entry.kind = .link(target: try reader.target(item)) }
            guard let path = try place(entry), case .file(let isExecutable) = entry.kind else { continue }
            try write(path, isExecutable: isExecutable) { write in try reader.read(item, write) }
        }
    }

    /// Takes an entry's place in the folder. Folders and same files are made at once, and links are noted.
    ///
    /// - Returns: the entry's path; nil for the folder itself.
    private mutating func place(_ entry: ArchiveEntry) throws -> String? {
        guard let path = Self.path(entry.path) else { throw Self.leaves(entry.path) }
        if path.isEmpty {
            guard entry.kind == .folder else { throw Self.leaves(entry.path) }
            return nil
        }
        var parent = path[...]
        while let slash = parent.lastIndex(of: "/") {
            parent = parent[..<slash]
            guard !files.contains(Array(parent.utf8)) else { throw Self.twice(path) }
            // The folders above it are there already.
            guard folders.insert(Array(parent.utf8)).inserted else { break }
        }
        guard !files.contains(Array(path.utf8)) else { throw Self.twice(path) }
        if entry.kind == .folder {
            folders.insert(Array(path.utf8))
        } else {
            guard !folders.contains(Array(path.utf8)) else { throw Self.twice(path) }
            files.insert(Array(path.utf8))
        }
        guard files.count <= limits.maximumFiles, folders.count <= limits.maximumFiles else {
            throw ArchiveFault.tooManyFiles(limits.maximumFiles)
        }
        try makeFolder(
            entry.kind == .folder ? "\(folder)/\(path)" : ("\(folder)/\(path)" as NSString).deletingLastPathComponent)
        switch entry.kind {
        case .file, .folder: break
        case .link(let target):
            guard Self.stays(target, of: path) else { throw Self.leaves("\(path) -> \(target)") }
            links.append((path, target))
        case .sameAs(let other):
            guard let other = Self.path(other), files.contains(Array(other.utf8)), other != path,
                link("\(folder)/\(other)", "\(folder)/\(path)") == 0
            else { throw ArchiveFault(reason: "'\(path.prefix(200))' is a link to no earlier file of it") }
        }
        return path
    }

    private mutating func write(
        _ path: String, isExecutable: Bool, _ content: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        let target = "\(folder)/\(path)"
        var bytes = bytes
        let (allowed, room) = (allowedBytes, roomBytes)
        try FileCall.withDescriptor(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600) { descriptor in
            try content { piece in
                bytes += Int64(piece.count)
                guard bytes <= allowed else {
                    throw ArchiveFault(
                        code: .tooLarge, reason: "it expands to more than \(SizeText.of(allowed))",
                        advice: "Check that it is no bomb, and store the files unpacked.")
                }
                guard bytes <= room else {
                    throw StorageError(
                        .diskFull,
                        "The files of the archive \(name) need more than the \(SizeText.of(max(room, 0))) that the disk has room for. "
                            + "Free disk space.")
                }
                try FileCall.write(piece, to: descriptor, path: target)
            }
            guard fchmod(descriptor, isExecutable ? 0o555 : 0o444) == 0, fsync(descriptor) == 0 else {
                throw FileCall.failure("writing", target)
            }
        }
        self.bytes = bytes
    }

    private func makeLinks() throws {
        for (path, target) in links where symlink(target, "\(folder)/\(path)") != 0 {
            throw FileCall.failure("writing", "\(folder)/\(path)")
        }
    }

    private func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch let error as CocoaError {
            throw StorageError(
                error.code == .fileWriteOutOfSpace ? .diskFull : .fileSystem,
                "\(path) cannot be created: \(error.localizedDescription)")
        }
    }

    /// - Returns: without `./` at its start and slashes at its end; empty for the folder itself; nil if it leaves the folder.
    static func path(_ text: String) -> String? {
        var rest = text[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
        while rest.hasSuffix("/") && !rest.hasPrefix("/") { rest = rest.dropLast() }
        if rest.isEmpty && !text.hasPrefix("/") && !text.isEmpty || rest == "." { return "" }
        return PathSet.isUsable(String(rest)) ? String(rest) : nil
    }

    /// Whether a link at `path` points to a place within the folder, as the words say. `FileTree` follows the links.
    static func stays(_ target: String, of path: String) -> Bool {
        guard !target.hasPrefix("/"), !target.isEmpty, !target.utf8.contains(0) else { return false }
        var depth = path.utf8.count { $0 == UInt8(ascii: "/") }
        for part in target.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return false }
        }
        return true
    }

    private static func leaves(_ path: String) -> ArchiveFault {
        ArchiveFault(
            reason: "'\(path.prefix(200))' in it leaves the folder, or cannot be a file",
            advice: "Pack it with relative paths.")
    }

    private static func twice(_ path: String) -> ArchiveFault {
        ArchiveFault(reason: "'\(path.prefix(200))' is in it twice, or is both file and folder", advice: "Rename one.")
    }
}

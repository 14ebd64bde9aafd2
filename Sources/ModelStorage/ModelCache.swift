import Foundation

/// The models on disk, by the digest of their content:
///
///     <root>/sha256/<hex>/files/…         a tree
///     <root>/sha256/<hex>/<name>/<name>   one file, in a folder of its own
///     <root>/sha256/<hex>/unpacked/…      the files of an archive; the digest is that of the archive file
///     <root>/sha256/<hex>/model.json      its size; the file's modification time is the time of last use
///     <root>/partial/…                    downloads that are under way or were interrupted
///     <root>/staging/…                    models that are being added or removed
///     <root>/memos/…                      the digests that URIs had last time
///
/// A folder under `sha256` is complete: it was verified and synced to disk before it was renamed to that place.
struct ModelCache: Sendable {
    static let treeName = "files"
    static let unpackedName = "unpacked"
    static let recordName = "model.json"
    static let maximumLeftoverAge = Duration.seconds(3600)
    static let maximumPartialAge = Duration.seconds(7 * 86_400)

    private struct Record: Codable {
        var bytes: Int64
        /// The files' `FileTree.fingerprint` when they were last verified. Older versions of mlctl wrote none.
        var fingerprint: String?
        /// The files of an archive.
        var unpacked: Unpacked?
    }

    private struct Unpacked: Codable {
        var bytes: Int64
        var fingerprint: String
        var digest: String
    }

    /// The folder of a single file, by its name. It is none of the names that the cache itself uses beside it.
    static func place(ofFile name: String) -> String {
        if ArchiveName.isArchive(name) { return unpackedName }
        return [treeName, unpackedName, recordName].contains(name) ? "\(name).single" : name
    }

    /// What is in the cache under a digest.
    enum Content: Hashable, Sendable {
        case none
        case whole(folder: String)
        /// Somebody changed the files: they no longer match the digest.
        case changed(found: ContentDigest)
    }

    let root: String

    var memos: PinMemos { PinMemos(folder: "\(root)/memos") }

    func prepare() throws { try createFolder(root) }

    /// The folder of a model; nil if the cache does not have it.
    func folder(_ digest: ContentDigest, name: String) -> String? {
        let path = "\(root)/sha256/\(digest.hex)/\(name)"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// Checks that the model still is what was verified. It compares every file's inode, size and times, and reads all files if
    /// these differ.
    func verified(_ digest: ContentDigest, name: String, limits: StorageLimits, cancellation: Cancellation) throws
        -> Content
    {
        guard let folder = folder(digest, name: name) else { return .none }
        let tree = try FileTree(scanning: folder, limits: limits, cancellation: cancellation)
        let place = recordPath(digest)
        let record = record(digest)
        if name == Self.unpackedName {
            if let known = record?.unpacked?.fingerprint, known == tree.fingerprint { return .whole(folder: folder) }
            let found = try tree.digest(cancellation: cancellation)
            // A digest of unpacked files is known from the record only.
            guard found.description == record?.unpacked?.digest else { return .changed(found: found) }
            return .whole(folder: folder)
        }
        if let known = record?.fingerprint, known == tree.fingerprint { return .whole(folder: folder) }
        let contents = try tree.contents(cancellation: cancellation)
        let found = tree.digest(contents: contents)
        guard found == digest || contents == [digest] else { return .changed(found: found) }
        try write(
            Record(bytes: tree.totalBytes, fingerprint: tree.fingerprint, unpacked: record?.unpacked), to: place)
        return .whole(folder: folder)
    }

    private func record(_ digest: ContentDigest) -> Record? {
        FileManager.default.contents(atPath: recordPath(digest)).flatMap {
            try? JSONDecoder().decode(Record.self, from: $0)
        }
    }

    private func recordPath(_ digest: ContentDigest) -> String { "\(root)/sha256/\(digest.hex)/model.json" }

    /// A new path that nothing else uses.
    func stagingFolder() -> String { "\(root)/staging/\(UUID().uuidString)" }

    /// - Parameter uri: may contain secrets, so the file is named by its digest.
    func partialPath(uri: String, digest: ContentDigest?) -> String {
        "\(root)/partial/\(ContentDigest(of: "\(uri)\n\(digest?.hex ?? "")".utf8).hex)"
    }

    /// Moves a verified folder to its place under `sha256`. A folder that is there already stays.
    ///
    /// - Parameter unpacked: the digest of an archive's files, which differs from that of the archive.
    /// - Returns: the folder.
    func publish(
        _ staged: String, digest: ContentDigest, name: String, bytes: Int64, unpacked: ContentDigest? = nil, now: Date
    ) throws -> String {
        let home = "\(root)/sha256/\(digest.hex)"
        try seal(staged)
        try createFolder(home)
        let target = "\(home)/\(name)"
        if rename(staged, target) != 0 {
            let code = errno
            guard code == ENOTEMPTY || code == EEXIST else { throw FileCall.failure("writing", target, code: code) }
            try remove(staged)
        }
        guard chmod(target, 0o555) == 0 else { throw FileCall.failure("writing", target) }
        let tree = try FileTree(scanning: target, limits: StorageLimits(), cancellation: Cancellation())
        var record = record(digest) ?? Record(bytes: 0)
        if let unpacked {
            record.unpacked = Unpacked(bytes: bytes, fingerprint: tree.fingerprint, digest: unpacked.description)
        } else {
            (record.bytes, record.fingerprint) = (bytes, tree.fingerprint)
        }
        try write(record, to: recordPath(digest))
        try FileCall.synchronise(home)
        try FileCall.synchronise("\(root)/sha256")
        touch(digest, now: now)
        return target
    }

    /// Records the time of last use.
    func touch(_ digest: ContentDigest, now: Date) {
        let path = "\(root)/sha256/\(digest.hex)/model.json"
        // An error is ignored: without the new time, the model only leaves the cache earlier.
        try? FileManager.default.setAttributes([.modificationDate: now], ofItemAtPath: path)
    }

    func models() -> [EvictionPlan.Model] {
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: "\(root)/sha256")) ?? []
        return names.map { hex in
            let path = "\(root)/sha256/\(hex)/model.json"
            let record = files.contents(atPath: path).flatMap { try? JSONDecoder().decode(Record.self, from: $0) }
            let used = (try? FileCall.status(of: path)).map { Double($0.st_mtim.tv_sec) }
            let bytes = (record?.bytes ?? 0) + (record?.unpacked?.bytes ?? 0)
            return EvictionPlan.Model(hex: hex, bytes: bytes, lastUsedAt: used ?? 0)
        }
    }

    /// - Throws: `StorageError` if it could not be removed.
    func evict(_ model: EvictionPlan.Model) throws {
        let unmade = stagingFolder()
        try createFolder("\(root)/staging")
        // The rename takes the model out of the cache at once, even if removing its files fails.
        guard rename("\(root)/sha256/\(model.hex)", unmade) == 0 else {
            throw FileCall.failure("removing", "\(root)/sha256/\(model.hex)")
        }
        try remove(unmade)
    }

    /// Removes what a crash left behind, and old partial downloads that nobody resumed.
    func removeLeftovers(now: Date) throws {
        for (folder, age) in [("staging", Self.maximumLeftoverAge), ("partial", Self.maximumPartialAge)] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")) ?? []
            for name in names {
                let path = "\(root)/\(folder)/\(name)"
                guard let status = try? FileCall.status(of: path) else { continue }
                let isOld = Double(status.st_mtim.tv_sec) + Double(age.components.seconds) < now.timeIntervalSince1970
                if isOld { try remove(path) }
            }
        }
    }

    /// Removes a file or a folder, read-only ones too.
    func remove(_ path: String) throws {
        let files = FileManager.default
        guard let status = try? FileCall.status(of: path) else { return }
        if status.st_mode & S_IFMT == S_IFDIR { try forEachFolder(in: path) { _ = chmod($0, 0o700) } }
        do {
            try files.removeItem(atPath: path)
        } catch {
            throw StorageError(.fileSystem, "\(path) cannot be removed: \(error.localizedDescription)")
        }
    }

    /// Makes the folders inside read-only, as the files already are, and syncs them to disk. The outermost folder stays writable
    /// until it has been moved: moving a folder to another parent needs that.
    private func seal(_ path: String) throws {
        try forEachFolder(in: path) { folder in
            try FileCall.synchronise(folder)
            guard chmod(folder, folder == path ? 0o755 : 0o555) == 0 else { throw FileCall.failure("writing", folder) }
        }
    }

    private func forEachFolder(in root: String, _ body: (String) throws -> Void) throws {
        var waiting = [root]
        while let folder = waiting.popLast() {
            try body(folder)
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let path = "\(folder)/\(name)"
                if try FileCall.status(of: path).st_mode & S_IFMT == S_IFDIR { waiting.append(path) }
            }
        }
    }

    func createFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch let error as CocoaError {
            throw StorageError(
                error.code == .fileWriteOutOfSpace ? .diskFull : .fileSystem,
                "The model cache cannot write \(path): \(error.localizedDescription)")
        }
    }

    private func write(_ record: Record, to path: String) throws {
        do {
            try JSONEncoder().encode(record).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch let error as CocoaError {
            throw StorageError(
                error.code == .fileWriteOutOfSpace ? .diskFull : .fileSystem,
                "The model cache cannot write \(path): \(error.localizedDescription)")
        }
    }
}

/// Decides which models leave the cache: the least recently used first, and never one that is in use. Pure.
enum EvictionPlan {
    struct Model: Hashable, Sendable {
        var hex: String
        var bytes: Int64
        /// Seconds since 1970.
        var lastUsedAt: Double
    }

    /// - Parameters:
    ///   - neededBytes: room that must be free in addition.
    ///   - inUse: hex digests; nil while they are unknown. Then nothing is evicted.
    ///   - now: seconds since 1970.
    static func victims(
        _ models: [Model], neededBytes: Int64, inUse: Set<String>?, now: Double, limits: StorageLimits
    ) -> [Model] {
        guard let inUse else { return [] }
        var excess = models.reduce(neededBytes - limits.maximumCacheBytes) { $0 + $1.bytes }
        let graceSeconds = Double(limits.evictionGrace.components.seconds)
        let idle = models.filter { !inUse.contains($0.hex) && $0.lastUsedAt + graceSeconds <= now }
        var victims: [Model] = []
        for model in idle.sorted(by: { ($0.lastUsedAt, $0.hex) < ($1.lastUsedAt, $1.hex) }) where excess > 0 {
            victims.append(model)
            excess -= model.bytes
        }
        return victims
    }
}

import Foundation

/// The models on disk, by the digest of their content:
///
///     <root>/sha256/<hex>/files/…         a tree
///     <root>/sha256/<hex>/<name>/<name>   one file, in a folder of its own
///     <root>/sha256/<hex>/model.json      its size; its time is when it was last asked for
///     <root>/partial/…                    downloads under way, and broken off
///     <root>/staging/…                    what is being made or unmade
///     <root>/memos/…                      what was found at a URI last time
///
/// What has its name under `sha256` is whole: it was verified and written to disk before it was renamed there.
struct ModelCache: Sendable {
    static let treeName = "files"
    static let maximumLeftoverAge = Duration.seconds(3600)
    static let maximumPartialAge = Duration.seconds(7 * 86_400)

    private struct Record: Codable {
        var bytes: Int64
        /// Of the files when they were verified last (`FileTree.fingerprint`). Older versions wrote none.
        var fingerprint: String?
    }

    /// What is in the cache under a digest.
    enum Content: Hashable, Sendable {
        case none
        case whole(folder: String)
        /// Somebody has changed it: it is not what its digest names.
        case changed(found: ContentDigest)
    }

    let root: String

    var memos: PinMemos { PinMemos(folder: "\(root)/memos") }

    func prepare() throws { try createFolder(root) }

    /// The folder of a model; nil where it is not here.
    func folder(_ digest: ContentDigest, name: String) -> String? {
        let path = "\(root)/sha256/\(digest.hex)/\(name)"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// Looks whether it still is what was verified: by every file's inode, size and times, and where these are others, by
    /// reading all of it.
    func verified(_ digest: ContentDigest, name: String, limits: StorageLimits, cancellation: Cancellation) throws
        -> Content
    {
        guard let folder = folder(digest, name: name) else { return .none }
        let tree = try FileTree(scanning: folder, limits: limits, cancellation: cancellation)
        let place = recordPath(digest)
        let record = FileManager.default.contents(atPath: place).flatMap {
            try? JSONDecoder().decode(Record.self, from: $0)
        }
        if let known = record?.fingerprint, known == tree.fingerprint { return .whole(folder: folder) }
        let contents = try tree.contents(cancellation: cancellation)
        let found = tree.digest(contents: contents)
        guard found == digest || contents == [digest] else { return .changed(found: found) }
        try write(Record(bytes: tree.totalBytes, fingerprint: tree.fingerprint), to: place)
        return .whole(folder: folder)
    }

    private func recordPath(_ digest: ContentDigest) -> String { "\(root)/sha256/\(digest.hex)/model.json" }

    /// A place that nobody else has.
    func stagingFolder() -> String { "\(root)/staging/\(UUID().uuidString)" }

    /// - Parameter uri: may hold secrets; only its digest becomes a name.
    func partialPath(uri: String, digest: ContentDigest?) -> String {
        "\(root)/partial/\(ContentDigest(of: "\(uri)\n\(digest?.hex ?? "")".utf8).hex)"
    }

    /// Gives a verified folder its name. Where it has one already, that stays.
    ///
    /// - Returns: the folder.
    func publish(_ staged: String, digest: ContentDigest, name: String, bytes: Int64, now: Date) throws -> String {
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
        try write(Record(bytes: bytes, fingerprint: tree.fingerprint), to: recordPath(digest))
        try FileCall.synchronise(home)
        try FileCall.synchronise("\(root)/sha256")
        touch(digest, now: now)
        return target
    }

    /// Notes that the model was asked for.
    func touch(_ digest: ContentDigest, now: Date) {
        let path = "\(root)/sha256/\(digest.hex)/model.json"
        // Without its time it only leaves the cache earlier.
        try? FileManager.default.setAttributes([.modificationDate: now], ofItemAtPath: path)
    }

    func models() -> [EvictionPlan.Model] {
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: "\(root)/sha256")) ?? []
        return names.map { hex in
            let path = "\(root)/sha256/\(hex)/model.json"
            let record = files.contents(atPath: path).flatMap { try? JSONDecoder().decode(Record.self, from: $0) }
            let used = (try? FileCall.status(of: path)).map { Double($0.st_mtim.tv_sec) }
            return EvictionPlan.Model(hex: hex, bytes: record?.bytes ?? 0, lastUsedAt: used ?? 0)
        }
    }

    /// - Throws: `StorageError` where it could not be taken away.
    func evict(_ model: EvictionPlan.Model) throws {
        let unmade = stagingFolder()
        try createFolder("\(root)/staging")
        // Gone at once for everyone who looks for it, whatever becomes of the removing.
        guard rename("\(root)/sha256/\(model.hex)", unmade) == 0 else {
            throw FileCall.failure("removing", "\(root)/sha256/\(model.hex)")
        }
        try remove(unmade)
    }

    /// What a crash left behind, and partial downloads that nobody went on with.
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

    /// Also what is read-only.
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

    /// Makes the folders within read-only, as the files are already, and writes their names to disk. The outermost
    /// stays writable until it has been moved: a folder that is moved to another parent has to be.
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

    private func createFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch let error as CocoaError {
            throw StorageError(
                error.code == .fileWriteOutOfSpace ? .diskFull : .fileSystem,
                "The model cache cannot be written to \(path): \(error.localizedDescription)")
        }
    }

    private func write(_ record: Record, to path: String) throws {
        do {
            try JSONEncoder().encode(record).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch let error as CocoaError {
            throw StorageError(
                error.code == .fileWriteOutOfSpace ? .diskFull : .fileSystem,
                "The model cache cannot be written to \(path): \(error.localizedDescription)")
        }
    }
}

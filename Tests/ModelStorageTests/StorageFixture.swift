import Crypto
import Foundation
import TestSupport

@testable import ModelStorage

/// A temporary folder with a cache, and with files to serve or to reference.
final class StorageFixture {
    let folder: URL
    var cache: URL { folder.appending(path: "cache") }
    var www: URL { folder.appending(path: "www") }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "storage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: www, withIntermediateDirectories: true)
    }

    deinit {
        // Folders of the cache are read-only.
        _ = try? ChildProcess.run(["chmod", "-R", "u+w", folder.path])
        try? FileManager.default.removeItem(at: folder)
    }

    /// Short time-outs, and never short of disk space.
    static var limits: StorageLimits {
        var limits = StorageLimits()
        limits.minimumFreeBytes = 0
        limits.firstBackoff = .milliseconds(5)
        limits.maximumBackoff = .milliseconds(20)
        limits.stallTimeout = .seconds(1)
        limits.quietPeriod = .zero
        return limits
    }

    func store(
        limits: StorageLimits = StorageFixture.limits, base: URL? = nil,
        now: @escaping @Sendable () -> Date = { Date() }
    ) -> ModelStore {
        ModelStore(cacheDirectory: cache, base: base, limits: limits, now: now)
    }

    @discardableResult
    func write(_ data: Data, to path: String) throws -> URL {
        let file = folder.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
        return file
    }

    @discardableResult
    func write(_ text: String, to path: String) throws -> URL { try write(Data(text.utf8), to: path) }

    /// Files that changed just before they are read are read again; this makes them old enough.
    func settle(_ path: String) async throws {
        let root = folder.appending(path: path).path
        for _ in 0..<500 {
            let tree = try FileTree(scanning: root, limits: StorageLimits(), cancellation: Cancellation())
            let age = Int64(Date().timeIntervalSince1970 * 1e9) - tree.newestChange
            if age > PinMemo.clockGranularity + 100_000_000 { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Paths and texts of all files below a folder.
    static func contents(of folder: URL) throws -> [String: String] {
        let root = folder.resolvingSymlinksInPath().path
        return try FileManager.default.subpathsOfDirectory(atPath: root).reduce(into: [:]) { result, path in
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder)
            if !isFolder.boolValue { result[path] = try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }
        }
    }

    static func digest(_ data: Data) -> String { ContentDigest(SHA256.hash(data: data)).description }

    /// The same bytes for the same seed.
    static func bytes(_ count: Int, seed: UInt64) -> Data {
        var random = SeededRandom(seed: seed)
        var data = Data(capacity: count + 8)
        while data.count < count {
            withUnsafeBytes(of: random.next()) { data.append(contentsOf: $0) }
        }
        return data.prefix(count)
    }
}

/// The `StorageError` that the body throws; nil if it throws none.
func storageError(_ body: () async throws -> Void) async throws -> StorageError? {
    do {
        try await body()
        return nil
    } catch let error as StorageError {
        return error
    }
}

/// A small file system that fills up quickly. Needs root.
struct TinyDisk {
    static let isAvailable: Bool = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tiny-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        guard let disk = try? TinyDisk(at: folder, kilobytes: 100) else { return false }
        disk.unmount()
        return true
    }()

    let folder: URL

    init(at folder: URL, kilobytes: Int) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try ChildProcess.run(["mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", folder.path])
    }

    func unmount() { _ = try? ChildProcess.run(["umount", "--lazy", folder.path]) }
}

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelStorage

struct ModelStoreFileTests {
    let fixture: StorageFixture

    init() throws { fixture = try StorageFixture() }

    private func uri(_ path: String) -> String { "file://\(fixture.folder.appending(path: path).path)" }

    @Test("a single file may have a name that the cache uses itself", arguments: ["model.json", "files", "unpacked"])
    func names(name: String) async throws {
        let fixture = try StorageFixture()
        try fixture.write("one", to: "www/\(name)")
        let server = try FileServer(fixture.www)
        for uri in ["file:\(fixture.www.path)/\(name)", server.url("ok/\(name)")] {
            for _ in 0..<2 {
                let store = fixture.store()
                let digest = try await store.pin(uri: uri)
                let folder = try await store.materialise(uri: uri, digest: digest)
                #expect(try StorageFixture.contents(of: folder) == [name: "one"])
            }
        }
    }

    @Test("a stored tree stays as it was, whatever happens to the original")
    func snapshot() async throws {
        try fixture.write("v1", to: "m/model.json")
        let run = try fixture.write("#!/bin/sh\n", to: "m/bin/run")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: run.path)
        try FileManager.default.createSymbolicLink(
            atPath: fixture.folder.appending(path: "m/latest").path, withDestinationPath: "model.json")
        let store = fixture.store()
        let first = try await store.pin(uri: uri("m"))
        let folder = try await store.materialise(uri: uri("m"), digest: first)
        try fixture.write("v2", to: "m/model.json")
        #expect(
            try StorageFixture.contents(of: folder)
                == ["model.json": "v1", "bin/run": "#!/bin/sh\n", "latest": "v1"])
        #expect(FileManager.default.isExecutableFile(atPath: folder.appending(path: "bin/run").path))
        let second = try await store.pin(uri: uri("m"))
        #expect(second != first)
        let other = try await store.materialise(uri: uri("m"), digest: second)
        #expect(other != folder)
        #expect(try StorageFixture.contents(of: other)["model.json"] == "v2")
        #expect(try await store.materialise(uri: uri("m"), digest: first) == folder)
        #expect(folder.path.hasPrefix(fixture.cache.path + "/sha256/" + first.dropFirst(7)))
    }

    @Test(
        "a folder that is still being written is not pinned, and is once it has been quiet, also with times in the future"
    )
    func quiet() async throws {
        try fixture.write("v1", to: "m/model.json")
        let folder = fixture.folder.appending(path: "m").path
        let tree = try FileTree(scanning: folder, limits: StorageLimits(), cancellation: Cancellation())
        let changed = Date(timeIntervalSince1970: Double(tree.newestChange) / 1e9)
        var limits = StorageFixture.limits
        limits.quietPeriod = .milliseconds(20)
        let writing = fixture.store(limits: limits, now: { changed.addingTimeInterval(0.001) })
        let error = try await storageError { _ = try await writing.pin(uri: uri("m")) }
        #expect(error?.code == .changing && error?.message.contains("still being written") == true)
        let digest = try await fixture.store(limits: limits, now: { changed.addingTimeInterval(1) }).pin(uri: uri("m"))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 4_000_000_000)], ofItemAtPath: folder + "/model.json")
        #expect(try await fixture.store(limits: limits).pin(uri: uri("m")) == digest)
    }

    @Test("a check tells whether a folder is still what was pinned, and that it is gone")
    func check() async throws {
        try fixture.write("v1", to: "m/model.json")
        let store = fixture.store()
        let digest = try await store.pin(uri: uri("m"))
        #expect(try await store.check(uri: uri("m"), against: digest) == .unchanged)
        try fixture.write("v2", to: "m/model.json")
        #expect(try await store.check(uri: uri("m"), against: digest) == .changed)
        try FileManager.default.removeItem(at: fixture.folder.appending(path: "m"))
        #expect(try await store.check(uri: uri("m"), against: digest) == .missing)
    }

    @Test("a copy in the cache has the digest of its original, and is read-only")
    func copy() async throws {
        try fixture.write("v1", to: "m/deep/er/model.json")
        let folder = try await fixture.store().materialise(uri: uri("m"))
        let tree = try FileTree(scanning: folder.path, limits: StorageLimits(), cancellation: Cancellation())
        #expect(
            try tree.digest(cancellation: Cancellation()).description == (try await fixture.store().pin(uri: uri("m"))))
        for path in ["", "/deep", "/deep/er", "/deep/er/model.json"] {
            #expect(try FileCall.status(of: folder.path + path).st_mode & 0o222 == 0)
        }
    }

    @Test(
        "a model that was changed in the cache is not served under its digest, but loaded again",
        arguments: ["content", "added", "removed", "mode"])
    func tampered(how: String) async throws {
        try fixture.write("v1", to: "m/model.json")
        try fixture.write("w", to: "m/weights")
        let store = fixture.store()
        let digest = try await store.pin(uri: uri("m"))
        let folder = try await store.materialise(uri: uri("m"), digest: digest)
        let file = folder.appending(path: "model.json").path
        _ = try ChildProcess.run(["chmod", "-R", "u+w", folder.path])
        switch how {
        case "content": try "v2".write(toFile: file, atomically: false, encoding: .utf8)
        case "added": try "x".write(toFile: file + ".new", atomically: false, encoding: .utf8)
        case "removed": try FileManager.default.removeItem(atPath: file)
        default: chmod(file, 0o755)
        }
        let again = try await fixture.store().materialise(uri: uri("m"), digest: digest)
        #expect(try StorageFixture.contents(of: again) == ["model.json": "v1", "weights": "w"])
        #expect(!FileManager.default.isExecutableFile(atPath: again.appending(path: "model.json").path))
        // When the source is gone the digest cannot be restored, and nothing else is returned in its place.
        _ = try ChildProcess.run(["chmod", "-R", "u+w", again.path])
        try "v2".write(toFile: again.appending(path: "model.json").path, atomically: false, encoding: .utf8)
        try FileManager.default.removeItem(at: fixture.folder.appending(path: "m"))
        let error = await #expect(throws: StorageError.self) {
            _ = try await fixture.store().materialise(uri: uri("m"), digest: digest)
        }
        #expect(error?.code == .notFound)
    }

    @Test("changed times alone do not matter: the model is read once more and stays")
    func touched() async throws {
        try fixture.write("v1", to: "m/model.json")
        let store = fixture.store()
        let digest = try await store.pin(uri: uri("m"))
        let folder = try await store.materialise(uri: uri("m"), digest: digest)
        let inode = try FileCall.status(of: folder.appending(path: "model.json").path).st_ino
        _ = try ChildProcess.run(["touch", folder.appending(path: "model.json").path])
        #expect(try await store.materialise(uri: uri("m"), digest: digest) == folder)
        #expect(try FileCall.status(of: folder.appending(path: "model.json").path).st_ino == inode)
        // A cache of an older version has no fingerprint.
        let record = folder.deletingLastPathComponent().appending(path: "model.json").path
        try "{\"bytes\":2}".write(toFile: record, atomically: true, encoding: .utf8)
        #expect(try await store.materialise(uri: uri("m"), digest: digest) == folder)
        #expect(try String(contentsOfFile: record, encoding: .utf8).contains("fingerprint"))
    }

    @Test("a copy for one server is separate: changes to it do not reach the cache, and removing it leaves nothing")
    func ownCopy() async throws {
        try fixture.write("v1", to: "m/deep/model.json")
        let folder = try await fixture.store().materialise(uri: uri("m"))
        let place = fixture.folder.appending(path: "instance/model").path
        for _ in 0..<2 {
            let made = try await ModelCopy.make(of: folder.path, at: place, limits: StorageFixture.limits)
            #expect(made.bytes == 2)
            #expect(try StorageFixture.contents(of: URL(fileURLWithPath: place)) == ["deep/model.json": "v1"])
            chmod("\(place)/deep/model.json", 0o644)
            try "v2".write(toFile: "\(place)/deep/model.json", atomically: false, encoding: .utf8)
        }
        #expect(try StorageFixture.contents(of: folder) == ["deep/model.json": "v1"])
        try ModelCopy.remove(place)
        try ModelCopy.remove(place)
        #expect(!FileManager.default.fileExists(atPath: place))
    }

    @Test("a copy that would fill the disk is refused before anything is written, and the previous copy is removed")
    func noRoomForCopy() async throws {
        try fixture.write("v1", to: "m/model.json")
        let folder = try await fixture.store().materialise(uri: uri("m"))
        var limits = StorageFixture.limits
        limits.minimumFreeBytes = .max / 2
        let place = fixture.folder.appending(path: "instance/model").path
        do {
            let made = try await ModelCopy.make(of: folder.path, at: place, limits: limits)
            #expect(made.sharesBlocks)
        } catch let error as StorageError {
            #expect(error.code == .diskFull && !FileManager.default.fileExists(atPath: place))
        }
    }

    @Test("a single file is stored in a folder under its name, with the digest that sha256sum shows")
    func singleFile() async throws {
        let file = try fixture.write("model", to: "model.pkl")
        let digest = "sha256:" + (try ChildProcess.run(["sha256sum", file.path]).prefix(64))
        let folder = try await fixture.store().materialise(uri: uri("model.pkl"), digest: digest)
        #expect(try StorageFixture.contents(of: folder) == ["model.pkl": "model"])
    }

    @Test("a tree that does not match its digest is refused, and the error names both digests")
    func mismatch() async throws {
        try fixture.write("v1", to: "m/model.json")
        let store = fixture.store()
        let first = try await store.pin(uri: uri("m"))
        try fixture.write("v2", to: "m/model.json")
        let second = try await store.pin(uri: uri("m"))
        let error = try #require(
            try await storageError { _ = try await store.materialise(uri: uri("m"), digest: first) })
        #expect(error.code == .digestMismatch)
        #expect(error.retryClass == .terminal)
        #expect(error.message.contains(first) && error.message.contains(second))
    }

    @Test("an unchanged tree is not read again, also after a restart; a changed one is")
    func memo() async throws {
        let file = try fixture.write("v1", to: "m/model.json")
        try await fixture.settle("m")
        let first = try await fixture.store().pin(uri: uri("m"))
        let path = fixture.folder.appending(path: "m").path
        let memos = ModelCache(root: fixture.cache.path).memos
        var memo = try #require(memos.memo(for: path))
        #expect(memo.digest == first)
        // The memo is trusted as long as the files look the same, so they were not read.
        memo.digest = "sha256:" + String(repeating: "0", count: 64)
        try memos.save(memo, for: path)
        #expect(try await fixture.store().pin(uri: uri("m")) == memo.digest)
        try fixture.write("v2", to: "m/model.json")
        let second = try await fixture.store().pin(uri: uri("m"))
        #expect(second != first && second != memo.digest)
        // Same size and same times: only the changed inode shows it.
        let date = try FileManager.default.attributesOfItem(atPath: file.path)[.modificationDate] as? Date
        try fixture.write("v3", to: "m/model.json")
        try FileManager.default.setAttributes([.modificationDate: try #require(date)], ofItemAtPath: file.path)
        #expect(try await fixture.store().pin(uri: uri("m")) != second)
    }

    @Test("many callers share one copy")
    func shared() async throws {
        try fixture.write(StorageFixture.bytes(3 << 20, seed: 1), to: "m/weights")
        let store = fixture.store()
        let uri = uri("m")
        let folders = try await withThrowingTaskGroup(of: URL.self) { group in
            for _ in 0..<8 { group.addTask { try await store.materialise(uri: uri) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(folders.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/sha256").count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/staging").isEmpty)
    }

    @Test("models over the limit are evicted, the least recently used first; models in use stay")
    func eviction() async throws {
        var limits = StorageFixture.limits
        limits.maximumCacheBytes = 250
        limits.evictionGrace = .zero
        let clock = StepClock()
        let store = fixture.store(limits: limits, now: { clock.next() })
        await store.setInUse([])
        var digests: [String] = []
        for index in 0..<4 {
            try fixture.write(Data(repeating: UInt8(index), count: 100), to: "m\(index)/weights")
            let digest = try await store.pin(uri: uri("m\(index)"))
            digests.append(digest)
            _ = try await store.materialise(uri: uri("m\(index)"), digest: digest)
            if index == 0 { await store.setInUse([digest]) }
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/sha256")
        #expect(Set(left) == Set([digests[0], digests[3]].map { String($0.dropFirst(7)) }))
        let again = try await store.materialise(uri: uri("m1"), digest: digests[1])
        #expect(try Data(contentsOf: again.appending(path: "weights")) == Data(repeating: 1, count: 100))
    }

    @Test("what a crash left in staging is removed when it is old")
    func leftovers() async throws {
        try fixture.write("x", to: "cache/staging/old/file")
        try fixture.write("x", to: "cache/staging/new/file")
        let old = fixture.folder.appending(path: "cache/staging/old").path
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: old)
        try await fixture.store().evict()
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/staging") == ["new"])
    }

    @Test("a disk without room is a transient error that leaves nothing behind")
    func noRoom() async throws {
        try fixture.write("v1", to: "m/model.json")
        var limits = StorageFixture.limits
        limits.minimumFreeBytes = .max
        let store = fixture.store(limits: limits)
        let error = try #require(try await storageError { _ = try await store.materialise(uri: uri("m")) })
        #expect(error.code == .diskFull)
        #expect(error.retryClass == .transient)
        #expect(!FileManager.default.fileExists(atPath: "\(fixture.cache.path)/sha256"))
    }

    @Test("a base makes relative URIs absolute")
    func base() async throws {
        try fixture.write("v1", to: "repo/m/model.json")
        let store = fixture.store(base: fixture.folder.appending(path: "repo"))
        let folder = try await store.materialise(uri: "file:./m")
        #expect(try StorageFixture.contents(of: folder) == ["model.json": "v1"])
        #expect(try await storageError { _ = try await fixture.store().pin(uri: "file:./m") }?.code == .unsupported)
    }
}

/// Each call is a minute later.
private final class StepClock: Sendable {
    private let minutes = Mutex(0.0)

    func next() -> Date {
        minutes.withLock { minutes in
            minutes += 1
            return Date(timeIntervalSince1970: 1_700_000_000 + minutes * 60)
        }
    }
}

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelStorage

struct ModelStoreFileTests {
    let fixture: StorageFixture

    init() throws { fixture = try StorageFixture() }

    private func uri(_ path: String) -> String { "file://\(fixture.folder.appending(path: path).path)" }

    @Test("a tree is kept as it was, whatever becomes of it")
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

    @Test("a copy in the cache has the digest of what it is a copy of, and is read-only")
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

    @Test("one file sits in a folder under its name, by the digest that sha256sum shows")
    func singleFile() async throws {
        let file = try fixture.write("model", to: "model.pkl")
        let digest = "sha256:" + (try ChildProcess.run(["sha256sum", file.path]).prefix(64))
        let folder = try await fixture.store().materialise(uri: uri("model.pkl"), digest: digest)
        #expect(try StorageFixture.contents(of: folder) == ["model.pkl": "model"])
    }

    @Test("a tree that is not what its digest names is refused, naming both")
    func mismatch() async throws {
        try fixture.write("v1", to: "m/model.json")
        let store = fixture.store()
        let first = try await store.pin(uri: uri("m"))
        try fixture.write("v2", to: "m/model.json")
        let second = try await store.pin(uri: uri("m"))
        let error = try #require(
            try await storageError { _ = try await store.materialise(uri: uri("m"), digest: first) })
        #expect(error.code == .digestMismatch)
        #expect(error.retry == .terminal)
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
        // What the memo says is believed while the files look the same: so they were not read.
        memo.digest = "sha256:" + String(repeating: "0", count: 64)
        try memos.save(memo, for: path)
        #expect(try await fixture.store().pin(uri: uri("m")) == memo.digest)
        try fixture.write("v2", to: "m/model.json")
        let second = try await fixture.store().pin(uri: uri("m"))
        #expect(second != first && second != memo.digest)
        // Same size, same times: the change of the inode gives it away.
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

    @Test("models over the limit leave, the longest unused first; what is in use stays")
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

    @Test("what a crash left in staging goes when it is old")
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
        #expect(error.retry == .transient)
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

/// Each look at it is a minute later.
private final class StepClock: Sendable {
    private let minutes = Mutex(0.0)

    func next() -> Date {
        minutes.withLock { minutes in
            minutes += 1
            return Date(timeIntervalSince1970: 1_700_000_000 + minutes * 60)
        }
    }
}

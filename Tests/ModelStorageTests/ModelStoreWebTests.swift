import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ModelStorage

/// Against a real server, over real connections.
struct ModelStoreWebTests {
    let fixture: StorageFixture
    let server: FileServer
    let body = StorageFixture.bytes(1_000_000, seed: 7)
    var digest: String { StorageFixture.digest(body) }

    init() throws {
        fixture = try StorageFixture()
        server = try FileServer(fixture.www)
        try fixture.write(body, to: "www/model.bin")
    }

    private func load(_ path: String, digest: String? = nil, limits: StorageLimits = StorageFixture.limits) async throws
        -> Data
    {
        let folder = try await fixture.store(limits: limits).materialise(uri: server.url(path), digest: digest)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.bin"])
        return try Data(contentsOf: folder.appending(path: "model.bin"))
    }

    private func partials() -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/partial")) ?? []
    }

    @Test("a file is loaded once, verified, and then served from the cache")
    func cached() async throws {
        #expect(try await load("ok/model.bin", digest: digest) == body)
        #expect(try await load("ok/model.bin", digest: digest) == body)
        #expect(try server.requests().count == 1)
        #expect(partials().isEmpty)
    }

    @Test("an interrupted download is resumed where it ended, with Range and If-Range")
    func resumed() async throws {
        #expect(try await load("cut/model.bin", digest: digest) == body)
        let requests = try server.requests()
        #expect(requests.count == 4)
        #expect(requests[0].range == nil)
        let offsets = requests.dropFirst().map { $0.range?.dropFirst("bytes=".count).dropLast() }
        #expect(offsets.allSatisfy { $0.flatMap { Int($0) } ?? 0 > 0 })
        #expect(requests.dropFirst().allSatisfy { $0.ifRange?.hasPrefix("\"") == true })
    }

    @Test("with a weak validator, only a digest allows a download to resume")
    func weak() async throws {
        #expect(try await load("cutweak/model.bin", digest: digest) == body)
        #expect(try server.requests().dropFirst().allSatisfy { $0.range != nil && $0.ifRange == nil })
    }

    @Test("a download from a server without Range starts again from the beginning")
    func noRange() async throws {
        #expect(try await load("once/model.bin", digest: digest) == body)
        let requests = try server.requests()
        #expect(requests.count == 2)
        #expect(requests.last?.range != nil)
    }

    @Test("after a restart, a download continues with the bytes that it has")
    func restart() async throws {
        var limits = StorageFixture.limits
        limits.maximumAttemptsInAll = 2
        let error = try await storageError { _ = try await load("cut/model.bin", digest: digest, limits: limits) }
        #expect(error?.code == .unreachable)
        #expect(error?.retryClass == .transient)
        let before = try server.requests().count
        #expect(before == 2)
        #expect(try await load("cut/model.bin", digest: digest) == body)
        let next = try server.requests()[before]
        #expect(next.range.flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } ?? 0 > 0)
        #expect(next.ifRange != nil)
    }

    @Test("a file that changed between two parts is downloaded again")
    func changedBetweenParts() async throws {
        var limits = StorageFixture.limits
        limits.maximumAttemptsInAll = 1
        let uri = server.url("cut/model.bin")
        _ = try await storageError { _ = try await fixture.store(limits: limits).pin(uri: uri) }
        let other = StorageFixture.bytes(200_000, seed: 8)
        try fixture.write(other, to: "www/model.bin")
        #expect(try await fixture.store().pin(uri: uri) == StorageFixture.digest(other))
    }

    @Test("a file that does not match its digest is refused and not kept, and the error names both digests")
    func mismatch() async throws {
        let wrong = "sha256:" + String(repeating: "0", count: 64)
        let error = try #require(try await storageError { _ = try await load("ok/model.bin", digest: wrong) })
        #expect(error.code == .digestMismatch)
        #expect(error.retryClass == .terminal)
        #expect(error.message.contains(wrong) && error.message.contains(digest))
        #expect(partials().isEmpty)
        #expect(!FileManager.default.fileExists(atPath: "\(fixture.cache.path)/sha256"))
    }

    @Test("a wrong length ends after a bounded number of attempts")
    func wrongLength() async throws {
        let error = try #require(try await storageError { _ = try await load("liar/model.bin", digest: digest) })
        #expect(error.code == .unreachable)
        #expect(try server.requests().count == StorageFixture.limits.maximumAttempts + 1)
    }

    @Test("a server that fails twice is asked a third time")
    func flaky() async throws {
        #expect(try await load("flaky/model.bin", digest: digest) == body)
        #expect(try server.requests().count == 3)
    }

    @Test(
        "a refusal is reported with the right error code",
        arguments: [
            (404, StorageError.Code.notFound), (403, .unauthorized), (400, .protocolError), (503, .unreachable),
        ])
    func refusals(status: Int, code: StorageError.Code) async throws {
        let error = try #require(try await storageError { _ = try await load("status/\(status)", digest: digest) })
        #expect(error.code == code)
        #expect(try server.requests().count == (status == 503 ? StorageFixture.limits.maximumAttempts : 1))
    }

    @Test("a server that does not listen is a transient error")
    func refused() async throws {
        let store = fixture.store()
        let error = try #require(
            try await storageError { _ = try await store.pin(uri: "http://127.0.0.1:1/model.bin") })
        #expect(error.code == .unreachable)
        #expect(error.retryClass == .transient)
    }

    @Test("a stalled transfer is ended")
    func stalled() async throws {
        var limits = StorageFixture.limits
        limits.maximumAttempts = 1
        limits.maximumAttemptsInAll = 1
        let error = try #require(
            try await storageError { _ = try await load("hang/model.bin", digest: digest, limits: limits) })
        #expect(error.code == .unreachable)
    }

    @Test("a cancelled load ends, keeps its partial file, and is resumed later")
    func cancelled() async throws {
        var limits = StorageFixture.limits
        limits.stallTimeout = .seconds(3600)
        let store = fixture.store(limits: limits)
        let (uri, digest) = (server.url("hang/model.bin"), digest)
        let seen = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try await store.materialise(uri: uri, digest: digest) { progress in
                    seen.bytes.withLock { $0 = progress.bytes }
                }
            }
            try await eventually { seen.bytes.withLock { $0 } == 500_000 }
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
        #expect(partials().count == 2)
        let path = ModelCache(root: fixture.cache.path).partialPath(uri: uri, digest: try ContentDigest(digest))
        #expect(try FileCall.status(of: path).st_size == 500_000)
    }

    @Test("one of two callers can be cancelled without ending the shared load")
    func oneLeaves() async throws {
        let store = fixture.store()
        let (uri, digest) = (server.url("cut/model.bin"), digest)
        let leaving = Task { try await store.materialise(uri: uri, digest: digest) }
        let staying = Task { try await store.materialise(uri: uri, digest: digest) }
        leaving.cancel()
        let folder = try await staying.value
        #expect(try Data(contentsOf: folder.appending(path: "model.bin")) == body)
        _ = await leaving.result
    }

    @Test("a URL without a digest is pinned by its content, and downloaded again only when the content changes")
    func pinned() async throws {
        let uri = server.url("ok/model.bin")
        #expect(try await fixture.store().pin(uri: uri) == digest)
        #expect(try await fixture.store().pin(uri: uri) == digest)
        let requests = try server.requests()
        #expect(requests.count == 2)
        #expect(requests[1].ifNoneMatch != nil)
        #expect(try await load("ok/model.bin", digest: digest) == body)
        #expect(try server.requests().count == 2)
        let other = StorageFixture.bytes(1000, seed: 9)
        try fixture.write(other, to: "www/model.bin")
        #expect(try await fixture.store().pin(uri: uri) == StorageFixture.digest(other))
    }

    @Test("a URL with only a date is pinned by the date; one without validators is downloaded every time")
    func pinnedByDate() async throws {
        for _ in 0..<2 {
            #expect(try await fixture.store().pin(uri: server.url("date/model.bin")) == digest)
            #expect(try await fixture.store().pin(uri: server.url("bare/model.bin")) == digest)
        }
        #expect(try server.requests().count == 4)
    }

    @Test("each pin asks the server: a file that was replaced a moment ago is not taken for the previous one")
    func replacedAfterPin() async throws {
        let store = fixture.store(limits: StorageLimits())
        let uri = server.url("ok/model.bin")
        #expect(try await store.pin(uri: uri) == digest)
        let other = Data("another model".utf8)
        try fixture.write(other, to: "www/model.bin")
        #expect(try await store.pin(uri: uri) == StorageFixture.digest(other))
    }

    @Test("a check tells a replaced and a removed file, and downloads neither")
    func check() async throws {
        let store = fixture.store()
        let uri = server.url("ok/model.bin")
        #expect(try await store.check(uri: uri, against: digest) == .unknown)
        _ = try await store.pin(uri: uri)
        #expect(try await store.check(uri: uri, against: digest) == .unchanged)
        try fixture.write(StorageFixture.bytes(3_000_000, seed: 8), to: "www/model.bin")
        #expect(try await store.check(uri: uri, against: digest) == .changed)
        let newest = try await store.pin(uri: uri)
        #expect(try await store.check(uri: uri, against: newest) == .unchanged)
        #expect(try await store.check(uri: uri, against: digest) == .changed)
        try FileManager.default.removeItem(at: fixture.www.appending(path: "model.bin"))
        #expect(try await store.check(uri: uri, against: digest) == .missing)
        #expect(partials().isEmpty)
        let bare = server.url("bare/model.bin")
        #expect(try await store.check(uri: bare, against: digest) == .unknown)
    }

    @Test("redirects are followed, bounded, and never to another kind of host")
    func redirects() async throws {
        let store = fixture.store()
        let uri = server.url("to/ok/model.bin")
        let folder = try await store.materialise(uri: uri, digest: digest)
        #expect(try Data(contentsOf: folder.appending(path: "model.bin")) == body)
        for path in ["round/model.bin", "away/model.bin"] {
            let error = try await storageError { _ = try await store.materialise(uri: server.url(path)) }
            #expect(error?.code == .protocolError)
        }
    }

    @Test("an empty file can be downloaded")
    func empty() async throws {
        try fixture.write("", to: "www/model.bin")
        #expect(try await load("ok/model.bin", digest: StorageFixture.digest(Data())).isEmpty)
    }

    @Test("a file over the limit is refused, whether the server says its length or not")
    func tooLarge() async throws {
        var limits = StorageFixture.limits
        limits.maximumModelBytes = 500_000
        for path in ["ok/model.bin", "nolength/model.bin"] {
            let error = try await storageError { _ = try await load(path, digest: digest, limits: limits) }
            #expect(error?.code == .tooLarge)
        }
        #expect(partials().isEmpty)
    }

    @Test("a disk without room is reported before anything is downloaded")
    func noRoom() async throws {
        var limits = StorageFixture.limits
        limits.minimumFreeBytes = 1 << 60
        let error = try #require(
            try await storageError { _ = try await load("ok/model.bin", digest: digest, limits: limits) })
        #expect(error.code == .diskFull)
        #expect(error.retryClass == .transient)
        #expect(partials().isEmpty)
    }

    @Test(
        "a disk that fills up during a download is reported, and the partial file is removed",
        .enabled(if: TinyDisk.isAvailable))
    func fullDisk() async throws {
        let disk = try TinyDisk(at: fixture.folder.appending(path: "tiny"), kilobytes: 600)
        defer { disk.unmount() }
        let store = ModelStore(cacheDirectory: disk.folder.appending(path: "cache"), limits: StorageFixture.limits)
        let uri = server.url("nolength/model.bin")
        let error = try #require(try await storageError { _ = try await store.materialise(uri: uri, digest: digest) })
        #expect(error.code == .diskFull)
        #expect(error.retryClass == .transient)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(disk.folder.path)/cache/partial").isEmpty)
    }

    @Test("progress reports the bytes so far and in total, including those from before")
    func progress() async throws {
        let seen = Mutex<[TransferProgress]>([])
        _ = try await fixture.store().materialise(uri: server.url("cut/model.bin"), digest: digest) { progress in
            seen.withLock { $0.append(progress) }
        }
        let all = seen.withLock { $0 }
        #expect(all.last == TransferProgress(bytes: 1_000_000, totalBytes: 1_000_000))
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.bytes <= $1.bytes })
    }

    @Test("a pin and several loads of one URL at the same time, with and without digest, share the work")
    func sharedLoads() async throws {
        let store = fixture.store()
        let (uri, digest, body) = (server.url("cut/model.bin"), digest, body)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let found = try await store.pin(uri: uri)
                    #expect(found == digest)
                }
                for wanted in [nil, digest] {
                    group.addTask {
                        let folder = try await store.materialise(uri: uri, digest: wanted)
                        let found = try Data(contentsOf: folder.appending(path: "model.bin"))
                        #expect(found == body)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(partials().isEmpty)
    }

    @Test("two files with the same content keep their own names")
    func names() async throws {
        try fixture.write(body, to: "www/other.bin")
        #expect(try await load("ok/model.bin", digest: digest) == body)
        let folder = try await fixture.store().materialise(uri: server.url("ok/other.bin"), digest: digest)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["other.bin"])
    }
}

private final class Seen: Sendable {
    let bytes = Mutex<Int64>(0)
}

/// Polls a condition for at most ten seconds.
func eventually(_ condition: () throws -> Bool) async throws {
    for _ in 0..<1000 {
        if try condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw NeverCameTrue()
}

struct NeverCameTrue: Error {}

@Suite("File servers that hang")
struct HangingServerTests {
    let fixture: StorageFixture
    let hanging: FileServer
    let other: FileServer

    init() throws {
        fixture = try StorageFixture()
        hanging = try FileServer(fixture.www)
        other = try FileServer(fixture.www)
        try fixture.write(StorageFixture.bytes(100_000, seed: 7), to: "www/model.bin")
    }

    private static var patient: StorageLimits {
        var limits = StorageFixture.limits
        limits.stallTimeout = .seconds(600)
        return limits
    }

    @Test("a server that hangs uses no more than its share, and files of another server arrive")
    func share() async throws {
        var limits = Self.patient
        limits.maximumTransfersPerHost = 2
        let store = fixture.store(limits: limits)
        for number in 0..<10 { try fixture.write(StorageFixture.bytes(1000, seed: 8), to: "www/model\(number).bin") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<10 {
                let uri = hanging.url("hang/model\(number).bin")
                group.addTask { _ = try? await store.pin(uri: uri) }
            }
            while try hanging.requests().count < 2 { try await Task.sleep(for: .milliseconds(5)) }
            _ = try await store.materialise(uri: other.url("ok/model.bin"))
            #expect(try hanging.requests().count { $0.path.hasPrefix("/hang/") } == 2)
            // All waiting callers get the result; none has to wait for another to end.
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test("a cancelled caller leaves at once, and the others get their result")
    func oneOfTwo() async throws {
        let store = fixture.store(limits: Self.patient)
        let uri = hanging.url("hang/model.bin")
        let staying = Task { try await store.pin(uri: uri) }
        while try hanging.requests().isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        let going = Task { try await store.pin(uri: uri) }
        going.cancel()
        await #expect(throws: CancellationError.self) { try await going.value }
        #expect(!staying.isCancelled)
        #expect(try hanging.requests().count { $0.path == "/hang/model.bin" } == 1)
        staying.cancel()
        await #expect(throws: CancellationError.self) { try await staying.value }
    }

    @Test("work that hangs in the kernel is abandoned when no caller wants it any more")
    func hangingWork() async throws {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let release = DispatchSemaphore(value: 0)
        let work = Task {
            try await BlockingWork.run(patience: .milliseconds(10)) { _ in
                release.wait()
                end.finish()
            }
        }
        work.cancel()
        await #expect(throws: CancellationError.self) { try await work.value }
        // The work had not ended. Its late end does no harm.
        release.signal()
        for await _ in ends {}
    }
}

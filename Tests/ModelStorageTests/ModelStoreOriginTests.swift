import Foundation
import Testing

@testable import ModelStorage

@Suite("A digest alone does not open the files of other projects")
struct ModelStoreOriginTests {
    let fixture: StorageFixture

    init() throws { fixture = try StorageFixture() }

    private func uri(_ path: String) -> String { "file://\(fixture.folder.appending(path: path).path)" }

    @Test("where a policy restricts the sources, files in the cache count only if the address had them once")
    func origins() async throws {
        try fixture.write("theirs", to: "other/model.json")
        try fixture.write("ours", to: "own/model.json")
        let store = fixture.store()
        let theirs = try await store.pin(uri: uri("other"))
        _ = try await store.materialise(uri: uri("other"), digest: theirs)

        let mismatch = try await storageError {
            _ = try await store.materialise(uri: uri("own"), digest: theirs, mustComeFromThere: true)
        }
        #expect(mismatch?.code == .digestMismatch)
        let missing = try await storageError {
            _ = try await store.materialise(uri: uri("nothing"), digest: theirs, mustComeFromThere: true)
        }
        #expect(missing?.code == .notFound)

        // The same files at an own address are read once, and are then known to come from there, also without the address.
        try fixture.write("theirs", to: "own/model.json")
        for _ in 0..<2 {
            let folder = try await store.materialise(uri: uri("own"), digest: theirs, mustComeFromThere: true)
            #expect(try StorageFixture.contents(of: folder) == ["model.json": "theirs"])
            try? FileManager.default.removeItem(at: fixture.folder.appending(path: "own"))
        }
        // Without a policy the cache is for everybody.
        _ = try await store.materialise(uri: uri("nothing"), digest: theirs)
    }

    @Test("what was pinned at an address counts as its own after a restart, when the address is gone")
    func pinned() async throws {
        try fixture.write("one", to: "m/model.json")
        let digest = try await fixture.store().pin(uri: uri("m"))
        _ = try await fixture.store().materialise(uri: uri("m"), digest: digest, mustComeFromThere: true)
        try FileManager.default.removeItem(at: fixture.folder.appending(path: "m"))
        let folder = try await fixture.store().materialise(uri: uri("m"), digest: digest, mustComeFromThere: true)
        #expect(try StorageFixture.contents(of: folder) == ["model.json": "one"])
    }

    @Test("files that an address had before they were replaced stay its own, so that a rollback finds them")
    func replaced() async throws {
        try fixture.write("one", to: "www/model.bin")
        let server = try FileServer(fixture.www)
        let uri = server.url("ok/model.bin")
        let store = fixture.store()
        let first = try await store.pin(uri: uri)
        try fixture.write("another", to: "www/model.bin")
        let second = try await store.pin(uri: uri)
        #expect(second != first)
        for digest in [first, second] {
            _ = try await store.materialise(uri: uri, digest: digest, mustComeFromThere: true)
        }
    }

    @Test("a link below an allowed folder does not open what is outside of it")
    func links() async throws {
        try fixture.write("outside", to: "outside/model.json")
        try FileManager.default.createDirectory(
            at: fixture.folder.appending(path: "allowed"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: fixture.folder.appending(path: "allowed/link").path,
            withDestinationPath: fixture.folder.appending(path: "outside").path)
        let allowed = [fixture.folder.appending(path: "allowed").path]
        let store = fixture.store()
        let refused = try await storageError { _ = try await store.pin(uri: uri("allowed/link"), allowed: allowed) }
        #expect(refused?.code == .notAllowed)
    }
}

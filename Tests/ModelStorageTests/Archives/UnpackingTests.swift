import Foundation
import TestSupport
import Testing

@testable import ModelStorage

struct UnpackingTests {
    let fixture: StorageFixture

    init() throws {
        fixture = try StorageFixture()
        try HostileArchives.make(in: fixture.www)
    }

    private var limits: StorageLimits {
        var limits = StorageFixture.limits
        limits.maximumFiles = 50
        limits.expansionFloorBytes = 1 << 20
        return limits
    }

    private static let long = "d/" + String(repeating: "n", count: 150) + "/" + String(repeating: "m", count: 90)

    @Test("tar with pax and GNU names, gzip and zip are unpacked, by content", arguments: HostileArchives.good)
    func good(name: String) async throws {
        let folder = try await fixture.store(limits: limits).materialise(
            uri: "file:\(fixture.www.path)/\(name)")
        let contents = try StorageFixture.contents(of: folder)
        #expect(
            contents == ["d/a": "aaa", "run": "#!", "d/link": "#!", "same": "aaa", Self.long: "long", "empty": ""])
        let root = folder.resolvingSymlinksInPath().path
        #expect(access("\(root)/run", X_OK) == 0)
        #expect(try FileCall.status(of: "\(root)/d/a").st_mode & 0o777 == 0o444)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/d/link") == "../run")
    }

    @Test(
        "what leaves the folder, is in two ways, expands without bound or is damaged is refused",
        arguments: HostileArchives.refused)
    func refused(name: String) async throws {
        let uri = "file:\(fixture.www.path)/\(name)"
        let error = try await storageError { _ = try await fixture.store(limits: limits).materialise(uri: uri) }
        #expect(error?.code == .unusableTree || error?.code == .tooLarge, "\(String(describing: error))")
        let folders = ["sha256", "staging"].flatMap { name in
            (try? FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/\(name)")) ?? []
        }
        #expect(folders.isEmpty, "\(folders)")
        #expect(!FileManager.default.fileExists(atPath: "/tmp/mlctl-x"))
    }

    @Test(
        "an archive with too many files is refused before the first is written", arguments: ["many.tar", "many.tar.gz"])
    func tooManyFiles(name: String) async throws {
        let program = #"""
            import sys, tarfile
            with tarfile.open(sys.argv[1], "w:gz" if sys.argv[1].endswith("gz") else "w") as tar:
                for index in range(60): tar.addfile(tarfile.TarInfo(f"f{index}"))
            """#
        let path = "\(fixture.www.path)/\(name)"
        try ChildProcess.run(["python3", "-c", program, path])
        let folder = "\(fixture.folder.path)/unpacked"
        var unpacking = Unpacking(
            into: folder, name: name, limits: limits, roomBytes: 1 << 30, cancellation: Cancellation())
        let error = #expect(throws: StorageError.self) { try unpacking.unpack(path) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message.contains("has more than 50 files, the limit for a model") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }

    @Test(
        "a file over https: is verified before it is unpacked, and loaded again if somebody changes what was unpacked")
    func web() async throws {
        let server = try FileServer(fixture.www)
        let bytes = try Data(contentsOf: fixture.www.appending(path: "plain.tar.gz"))
        let digest = StorageFixture.digest(bytes)
        let other = "sha256:" + String(repeating: "0", count: 64)
        let error = try await storageError {
            _ = try await fixture.store().materialise(uri: server.url("ok/plain.tar.gz"), digest: other)
        }
        #expect(error?.code == .digestMismatch)
        let folder = try await fixture.store().materialise(uri: server.url("ok/plain.tar.gz"), digest: digest)
        #expect(folder.lastPathComponent == "unpacked")
        let count = try server.requests().count
        _ = try await fixture.store().materialise(uri: server.url("ok/plain.tar.gz"), digest: digest)
        #expect(try server.requests().count == count)
        let file = folder.appending(path: "d/a").path
        try ChildProcess.run(["chmod", "u+w", file])
        try "evil".write(toFile: file, atomically: false, encoding: .utf8)
        let again = try await fixture.store().materialise(uri: server.url("ok/plain.tar.gz"), digest: digest)
        #expect(try StorageFixture.contents(of: again)["d/a"] == "aaa")
        #expect(try server.requests().count == count + 1)
    }

    @Test(
        "only files that are called archives are unpacked",
        arguments: [
            ("m.tar", true), ("m.TAR.GZ", true), ("m.tgz", true), ("m.zip", true), ("m.pt", false), ("m.keras", false),
            ("m.npz", false), ("m.gz", false), (".tar", false), ("tar", false),
        ])
    func names(name: String, isArchive: Bool) { #expect(ArchiveName.isArchive(name) == isArchive) }

    @Test("a zip under another name stays a file")
    func whole() async throws {
        try FileManager.default.copyItem(
            at: fixture.www.appending(path: "plain.zip"), to: fixture.www.appending(path: "model.pt"))
        let folder = try await fixture.store().materialise(uri: "file:\(fixture.www.path)/model.pt")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.pt"])
    }
}

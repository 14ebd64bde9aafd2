import Foundation
import TestSupport
import Testing

@testable import ModelStorage

/// Against moto, which verifies every signature.
@Suite(.enabled(if: MotoServer.isAvailable, "moto is not installed: run `make deps-stores`"))
struct MotoTests {
    let fixture: StorageFixture
    let server: MotoServer

    init() throws {
        fixture = try StorageFixture()
        try fixture.write("one", to: "buckets/models/fraud/v1/model.json")
        try fixture.write("two", to: "buckets/models/fraud/v1/sub/a b+c.bin")
        try fixture.write("", to: "buckets/models/fraud/v1/empty")
        try fixture.write("beside", to: "buckets/models/fraud/v10/model.json")
        try fixture.write("large", to: "buckets/models/single.bin")
        try fixture.write("packed", to: "packed/inner/model.json")
        try ChildProcess.run([
            "tar", "-czf", "\(fixture.folder.path)/buckets/models/packed.tar.gz", "-C", "\(fixture.folder.path)/packed",
            ".",
        ])
        server = try MotoServer(fixture.folder.appending(path: "buckets"))
    }

    private func store(_ changes: [String: String] = [:]) -> ModelStore {
        let variables = server.environment.merging(changes) { $1 }
        return ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment(variables, home: fixture.folder.path))
    }

    @Test("all objects below a prefix become a folder, with signed requests")
    func folder() async throws {
        let folder = try await store().materialise(uri: "s3://models/fraud/v1")
        #expect(
            try StorageFixture.contents(of: folder) == ["model.json": "one", "sub/a b+c.bin": "two", "empty": ""])
    }

    @Test("the digest is that of the same tree on this machine, and holds the files to it")
    func digest() async throws {
        let digest = try await store().pin(uri: "s3://models/fraud/v1/")
        let tree = fixture.folder.appending(path: "buckets/models/fraud/v1").path
        #expect(try await store().pin(uri: "file:\(tree)") == digest)
        _ = try await store().materialise(uri: "s3://models/fraud/v1/", digest: digest)
        try server.put("changed", "models/fraud/v1/model.json")
        #expect(try await store().pin(uri: "s3://models/fraud/v1/") != digest)
        let other = "sha256:" + String(repeating: "0", count: 64)
        let error = try await storageError {
            _ = try await store().materialise(uri: "s3://models/fraud/v1", digest: other)
        }
        #expect(error?.code == .digestMismatch)
    }

    @Test("one object keeps its name, and its digest is that of its bytes")
    func single() async throws {
        let digest = StorageFixture.digest(Data("large".utf8))
        let folder = try await store().materialise(uri: "s3://models/single.bin", digest: digest)
        #expect(try StorageFixture.contents(of: folder) == ["single.bin": "large"])
    }

    @Test("an archive is unpacked, and its digest is that of the archive")
    func archive() async throws {
        let bytes = try Data(contentsOf: fixture.folder.appending(path: "buckets/models/packed.tar.gz"))
        let digest = try await store().pin(uri: "s3://models/packed.tar.gz")
        #expect(digest == StorageFixture.digest(bytes))
        for _ in 0..<2 {
            let folder = try await store().materialise(uri: "s3://models/packed.tar.gz", digest: digest)
            #expect(try StorageFixture.contents(of: folder) == ["inner/model.json": "packed"])
        }
    }

    @Test("?versionId= pins an object's version")
    func version() async throws {
        let first = try server.put("first", "models/pinned.bin")
        try server.put("second", "models/pinned.bin")
        let folder = try await store().materialise(uri: "s3://models/pinned.bin?versionId=\(first)")
        #expect(try StorageFixture.contents(of: folder) == ["pinned.bin": "first"])
    }

    @Test("keys come from a profile too")
    func profile() async throws {
        try fixture.write(
            "[risk]\naws_access_key_id = \(server.keyId)\naws_secret_access_key=\(server.secret)\n",
            to: ".aws/credentials")
        let changes = ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "risk"]
        let folder = try await store(changes).materialise(uri: "s3://models/single.bin")
        #expect(try StorageFixture.contents(of: folder) == ["single.bin": "large"])
    }

    @Test(
        "what is wrong is said, without the secret",
        arguments: [
            (
                ["AWS_SECRET_ACCESS_KEY": "wr0ng-s3cr3t"], "s3://models/single.bin",
                "does not belong to its access key id"
            ),
            (["AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"], "s3://models/single.bin", "does not know the access key id"),
            ([:], "s3://no-such-bucket/x", "There is no bucket 'no-such-bucket'"),
            ([:], "s3://models/fraud/v", "no objects are below it"),
            (["AWS_PROFILE": "none"], "s3://models/x", "'none', which AWS_PROFILE names"),
            (["AWS_REGION": "Not A Region"], "s3://models/x", "is not an AWS region"),
        ])
    func refusals(changes: [String: String], uri: String, words: String) async throws {
        let error = try await storageError { _ = try await store(changes).pin(uri: uri) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        #expect(error?.message.contains("s3cr3t") == false)
        #expect(error?.message.contains(server.secret) == false)
    }
}

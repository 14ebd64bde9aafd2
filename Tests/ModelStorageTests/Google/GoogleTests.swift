import Foundation
import TestSupport
import Testing

@testable import ModelStorage

/// Against an emulator of Cloud Storage.
@Suite(.enabled(if: GoogleStorageEmulator.isAvailable, "gcp-storage-emulator is not installed: run `make deps-stores`"))
struct GoogleEmulatorTests {
    let fixture: StorageFixture
    let emulator: GoogleStorageEmulator

    init() throws {
        fixture = try StorageFixture()
        emulator = try GoogleStorageEmulator()
        try emulator.put("one", "fraud/v1/model.json")
        try emulator.put("two", "fraud/v1/sub/a%20b.bin")
        try emulator.put("beside", "fraud/v10/model.json")
        try emulator.put("large", "single.bin")
    }

    private func store() -> ModelStore {
        ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment(
                ["STORAGE_EMULATOR_HOST": "127.0.0.1:\(emulator.port)"], home: fixture.folder.path))
    }

    private func load(_ uri: String) async throws -> [String: String] {
        try StorageFixture.contents(of: try await store().materialise(uri: uri))
    }

    @Test("all objects below a prefix become a folder, and one object keeps its name")
    func objects() async throws {
        #expect(try await load("gs://models/fraud/v1") == ["model.json": "one", "sub/a b.bin": "two"])
        #expect(try await load("gs://models/fraud/v1/") == ["model.json": "one", "sub/a b.bin": "two"])
        #expect(try await load("gs://models/single.bin") == ["single.bin": "large"])
    }

    @Test("an object that is written again is another generation, and has another digest")
    func changed() async throws {
        let before = try await store().pin(uri: "gs://models/fraud/v1")
        try emulator.put("eno", "fraud/v1/model.json")
        #expect(try await store().pin(uri: "gs://models/fraud/v1") != before)
    }

    @Test(
        "what is missing is said",
        arguments: [
            ("gs://none/x", "There is no bucket 'none'"), ("gs://models/nothing", "no objects are below it"),
        ])
    func refusals(uri: String, words: String) async throws {
        let error = try await storageError { _ = try await store().pin(uri: uri) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }
}

/// Against a server that models Cloud Storage, Google's token server and the metadata service.
struct GoogleAccessTests {
    let fixture: StorageFixture
    let server: ScriptedGoogle

    init() throws {
        fixture = try StorageFixture()
        server = try ScriptedGoogle(fixture.folder)
    }

    private func load(_ uri: String, _ changes: [String: String] = [:]) async throws -> [String: String] {
        let base = ["STORAGE_EMULATOR_HOST": "http://127.0.0.1:\(server.port)"]
        let store = ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment(base.merging(changes) { $1 }, home: fixture.folder.path))
        return try StorageFixture.contents(of: try await store.materialise(uri: uri))
    }

    @Test("a service account signs a request for a token, which openssl verifies")
    func account() async throws {
        let file = try server.account()
        #expect(
            try await load("gs://private/m", ["GOOGLE_APPLICATION_CREDENTIALS": file]) == [
                "a.bin": "one", "b.bin": "two",
            ])
        #expect(
            server.requests().contains { $0.hasPrefix("/token") && $0.hasSuffix("verified") }, "\(server.requests())")
    }

    @Test("each object is fetched at the generation that was listed")
    func generations() async throws {
        let file = try server.account()
        _ = try await load("gs://private/m", ["GOOGLE_APPLICATION_CREDENTIALS": file])
        #expect(server.requests().contains { $0.contains("m%2Fa.bin?alt=media&generation=11") }, "\(server.requests())")
        #expect(
            try await load("gs://private/m/a.bin#11", ["GOOGLE_APPLICATION_CREDENTIALS": file]) == ["a.bin": "one"])
        let error = try await storageError {
            _ = try await load("gs://private/m/a.bin#12", ["GOOGLE_APPLICATION_CREDENTIALS": file])
        }
        #expect(error?.message.contains("Check the path and the generation") == true, "\(String(describing: error))")
    }

    @Test("credentials that are missing, wrong or of another kind say what to do, and show no secret")
    func refusals() async throws {
        let wrong = try server.account(email: "other@example.com")
        try fixture.write(#"{"type": "external_account"}"#, to: "external.json")
        try fixture.write(
            #"{"type": "service_account", "client_email": "a", "private_key": "s3cr3t", "token_uri": "http://127.0.0.1:1"}"#,
            to: "nokey.json")
        let folder = fixture.folder.path
        for (file, words) in [
            ("", "none are set"), (wrong, "does not accept the credentials of"),
            ("\(folder)/absent", "There is no file at"),
            ("\(folder)/external.json", "'external_account', which mlctl does not support"),
            ("\(folder)/nokey.json", "is not an RSA key"),
        ] {
            let error = try await storageError {
                _ = try await load("gs://private/m", ["GOOGLE_APPLICATION_CREDENTIALS": file])
            }
            #expect(error?.code == .unauthorized)
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
            #expect(error?.message.contains("s3cr3t") == false)
        }
    }

    @Test(
        "malformed addresses are refused",
        arguments: [
            "gs:b/x", "gs://b/x", "gs://bucket", "gs://bucket/", "gs://bucket/a/../b", "gs://bucket/a#",
            "gs://bucket/a#x",
            "gs://bucket/a/#1", "gs://bucket/a?b", "gs://Bucket/a", "gs://bucket/a%2Fb", "gs://u@bucket/a",
        ])
    func malformed(uri: String) {
        #expect(throws: StorageError.self) { try GoogleLocation(uri) }
    }
}

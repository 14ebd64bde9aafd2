import Foundation
import TestSupport
import Testing

@testable import ModelStorage

/// Against MLflow's own server.
@Suite(
    .enabled(if: MLflowTrackingServer.isAvailable, "mlflow is not installed: run `make deps-stores`"),
    // A server takes seconds of the processor to start.
    .serialized)
struct MLflowTests {
    let fixture: StorageFixture
    let server: MLflowTrackingServer
    let run: String

    init() throws {
        fixture = try StorageFixture()
        server = try MLflowTrackingServer(fixture.folder.appending(path: "mlflow"))
        run = try server.newRun()
        try server.upload("one", "0/\(run)/artifacts/model/MLmodel")
        try server.upload("two", "0/\(run)/artifacts/model/sub/a%20b.bin")
        try server.upload("beside", "0/\(run)/artifacts/other.txt")
        try server.post("registered-models/create", #"{"name": "fraud model"}"#)
        try register("runs:/\(run)/model")
        try alias("champion", "1")
    }

    private let whole = ["MLmodel": "one", "sub/a b.bin": "two"]

    private func register(_ source: String, run: String? = nil) throws {
        try server.post(
            "model-versions/create",
            #"{"name": "fraud model", "source": "\#(source)", "run_id": "\#(run ?? self.run)"}"#)
    }

    private func alias(_ alias: String, _ version: String) throws {
        try server.post(
            "registered-models/alias", #"{"name": "fraud model", "alias": "\#(alias)", "version": "\#(version)"}"#)
    }

    private func store(_ changes: [String: String] = [:]) -> ModelStore {
        let variables = ["MLFLOW_TRACKING_URI": server.endpoint].merging(changes) { $1 }
        return ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment(variables, home: fixture.folder.path))
    }

    private func load(_ uri: String) async throws -> [String: String] {
        try StorageFixture.contents(of: try await store().materialise(uri: uri))
    }

    @Test("an alias, a version, a run and its artifacts lead to the same files")
    func sameFiles() async throws {
        for uri in [
            "models:/fraud%20model@champion", "models:/fraud%20model/1", "runs:/\(run)/model",
            "mlflow-artifacts:/0/\(run)/artifacts/model",
            "mlflow-artifacts://127.0.0.1:\(server.port)/0/\(run)/artifacts/model/",
        ] {
            #expect(try await load(uri) == whole, "\(uri)")
        }
        #expect(try await load("runs:/\(run)/other.txt") == ["other.txt": "beside"])
    }

    @Test("the digest is that of the same tree on this machine")
    func digest() async throws {
        try fixture.write("one", to: "tree/MLmodel")
        try fixture.write("two", to: "tree/sub/a b.bin")
        let digest = try await store().pin(uri: "models:/fraud%20model@champion")
        #expect(try await store().pin(uri: "file:\(fixture.folder.path)/tree") == digest)
    }

    @Test("an alias that moves changes nothing for the digest that was pinned before")
    func movedAlias() async throws {
        let uri = "models:/fraud%20model@champion"
        let before = try await store().pin(uri: uri)
        let next = try server.newRun()
        try server.upload("three", "0/\(next)/artifacts/model/MLmodel")
        try register("mlflow-artifacts:/0/\(next)/artifacts/model", run: next)
        try alias("champion", "2")
        let after = try await store().pin(uri: uri)
        #expect(after != before)
        #expect(try StorageFixture.contents(of: try await store().materialise(uri: uri, digest: before)) == whole)
        // Even without the files: the version that the alias named is remembered.
        let cache = ModelCache(root: fixture.cache.path)
        try cache.remove("\(cache.root)/sha256")
        #expect(try StorageFixture.contents(of: try await store().materialise(uri: uri, digest: before)) == whole)
        // A store that never saw the old version says that the alias moved.
        try cache.remove(cache.root)
        let error = try await storageError { _ = try await store().materialise(uri: uri, digest: before) }
        #expect(error?.code == .digestMismatch)
        #expect(error?.message.contains("leads to models:/fraud%20model/2 now") == true, "\(String(describing: error))")
    }

    @Test("files that are in the cache are served while the registry is down")
    func registryDown() async throws {
        let uri = "models:/fraud%20model@champion"
        let digest = try await store().pin(uri: uri)
        server.stop()
        #expect(try StorageFixture.contents(of: try await store().materialise(uri: uri, digest: digest)) == whole)
    }

    @Test(
        "an alias that leads into another store is followed, where the policy allows it",
        .enabled(if: MotoServer.isAvailable, "moto is not installed: run `make deps-stores`"))
    func leadsOn() async throws {
        try fixture.write("elsewhere", to: "buckets/models/my fraud/MLmodel")
        let s3 = try MotoServer(fixture.folder.appending(path: "buckets"))
        try register("s3://models/my fraud")
        try alias("away", "2")
        let uri = "models:/fraud%20model@away"
        let store = store(s3.environment)
        #expect(try StorageFixture.contents(of: try await store.materialise(uri: uri)) == ["MLmodel": "elsewhere"])
        let error = try await storageError {
            _ = try await store.pin(uri: uri, permits: { $0.hasPrefix("s3://risk/") })
        }
        #expect(error?.code == .notAllowed)
        #expect(error?.message.contains("leads to s3://models/my%20fraud") == true, "\(String(describing: error))")
        // A digest that was pinned without a policy is held to the policy too.
        let digest = try await store.pin(uri: uri)
        let later = try await storageError {
            _ = try await store.materialise(uri: uri, digest: digest, permits: { _ in false })
        }
        #expect(later?.code == .notAllowed)
        // What the tracking server itself hands out is of the registry.
        _ = try await store.pin(uri: "models:/fraud%20model@champion", permits: { _ in false })
    }

    @Test("a file that is overwritten is seen, though the server gives no version")
    func overwritten() async throws {
        let uri = "runs:/\(run)/model"
        let before = try await store().pin(uri: uri)
        try server.upload("eno", "0/\(run)/artifacts/model/MLmodel")
        #expect(try await store().pin(uri: uri) != before)
    }

    @Test("what is wrong is said")
    func refusals() async throws {
        for (uri, words) in [
            ("models:/fraud%20model@none", "Registered model alias none not found"),
            ("models:/fraud%20model/9", "does not have models:/fraud%20model/9"),
            ("models:/nothing/1", "does not have models:/nothing/1"),
            ("models:/m-00000000000000000000000000000000", "does not have models:/m-"),
            ("runs:/0123456789abcdef0123456789abcdef/model", "does not have runs:/0123"),
            ("mlflow-artifacts:/0/none", "holds no files"),
            ("mlflow-artifacts://other.example.com/0/none", "but MLFLOW_TRACKING_URI names 127.0.0.1"),
        ] {
            let error = try await storageError { _ = try await store().pin(uri: uri) }
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        }
    }

    @Test("without an address, or with one that is no server, it says what to set")
    func noServer() async throws {
        for (value, words) in [
            ("", "MLFLOW_TRACKING_URI is not set"), ("sqlite:///x.db", "is no server"), ("databricks", "is no server"),
        ] {
            let error = try await storageError {
                _ = try await store(["MLFLOW_TRACKING_URI": value]).pin(uri: "models:/x/1")
            }
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        }
    }
}

/// With a server that asks who it is.
@Suite(
    .enabled(if: MLflowTrackingServer.isAvailable, "mlflow is not installed: run `make deps-stores`"),
    // A server takes seconds of the processor to start.
    .serialized)
struct MLflowAccessTests {
    let fixture: StorageFixture

    init() throws { fixture = try StorageFixture() }

    private func pin(_ server: MLflowTrackingServer, _ uri: String, _ changes: [String: String]) async throws
        -> StorageError?
    {
        let variables = ["MLFLOW_TRACKING_URI": server.endpoint].merging(changes) { $1 }
        let store = ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment(variables, home: fixture.folder.path))
        return try await storageError { _ = try await store.pin(uri: uri) }
    }

    @Test("a user with a password is told to the server, from the environment or from MLflow's file")
    func basic() async throws {
        let value = "Basic " + Data("ada:s3cr3t".utf8).base64EncodedString()
        let server = try MLflowTrackingServer(fixture.folder.appending(path: "mlflow"), authorization: value)
        let run = try server.newRun()
        try server.upload("one", "0/\(run)/artifacts/model/MLmodel")
        let uri = "runs:/\(run)/model"
        let none = try await pin(server, uri, [:])
        #expect(none?.code == .unauthorized)
        #expect(none?.message.contains("Set MLFLOW_TRACKING_USERNAME") == true)
        let wrong = try await pin(
            server, uri, ["MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "wr0ng-s3cr3t"])
        #expect(wrong?.message.contains("the password or the token is valid") == true)
        #expect(wrong?.message.contains("s3cr3t") == false)
        #expect(
            try await pin(server, uri, ["MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "s3cr3t"]) == nil
        )
        try fixture.write(
            "[mlflow]\nmlflow_tracking_username = ada\nmlflow_tracking_password = s3cr3t\n", to: ".mlflow/credentials")
        #expect(try await pin(server, uri, [:]) == nil)
    }

    @Test("a token is told to the server")
    func bearer() async throws {
        let server = try MLflowTrackingServer(
            fixture.folder.appending(path: "mlflow"), authorization: "Bearer t0k3n")
        let run = try server.newRun()
        try server.upload("one", "0/\(run)/artifacts/model/MLmodel")
        #expect(try await pin(server, "runs:/\(run)", ["MLFLOW_TRACKING_TOKEN": "t0k3n"]) == nil)
        #expect(try await pin(server, "runs:/\(run)", ["MLFLOW_TRACKING_TOKEN": "expired"])?.code == .unauthorized)
    }
}

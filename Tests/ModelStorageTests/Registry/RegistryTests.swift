import Foundation
import TestSupport
import Testing

@testable import ModelStorage

/// Against Docker's own registry.
@Suite(.enabled(if: DockerRegistry.isAvailable, "docker-registry is not installed: run `make deps-stores`"))
struct RegistryTests {
    let fixture: StorageFixture
    let registry: DockerRegistry

    init() throws {
        fixture = try StorageFixture()
        registry = try DockerRegistry(fixture.folder.appending(path: "registry"))
    }

    private var environment: StoreEnvironment { StoreEnvironment([:], home: fixture.folder.path) }

    private func store() -> ModelStore {
        ModelStore(cacheDirectory: fixture.cache, limits: StorageFixture.limits, environment: environment)
    }

    private func load(_ place: String) async throws -> [String: String] {
        try StorageFixture.contents(of: try await store().materialise(uri: "oci://\(registry.host)/\(place)"))
    }

    private func push(_ folder: String, _ place: String, chunkBytes: Int64 = 1 << 20) async throws -> ModelPush.Result {
        try await ModelPush(environment: environment, limits: StorageFixture.limits, chunkBytes: chunkBytes)
            .push("\(fixture.folder.path)/\(folder)", to: "oci://\(registry.host)/\(place)")
    }

    @Test("a folder that was pushed comes back, by tag and by digest, with the digest that push says")
    func roundTrip() async throws {
        try fixture.write("one", to: "model/MLmodel")
        try fixture.write("two", to: "model/sub/a b.bin")
        try fixture.write("", to: "model/empty")
        let whole = ["MLmodel": "one", "sub/a b.bin": "two", "empty": ""]
        let pushed = try await push("model", "models/fraud:v1")
        #expect(pushed.sentBytes == 6)
        #expect(try await load("models/fraud:v1") == whole)
        let uri = "oci://\(registry.host)/models/fraud:v1"
        #expect(try await store().pin(uri: uri) == pushed.files)
        #expect(try StorageFixture.contents(of: try await store().materialise(uri: pushed.pinned)) == whole)
        #expect(try await store().pin(uri: "file:\(fixture.folder.path)/model") == pushed.files)
        let again = try await push("model", "models/fraud:v2")
        #expect(again.sentBytes == 0)
        #expect(again.presentBytes == 6)
        #expect(again.pinned == pushed.pinned)
    }

    @Test("a large file is sent in chunks")
    func chunks() async throws {
        let data = StorageFixture.bytes(300_000, seed: 7)
        try fixture.write(data, to: "model/large.bin")
        let pushed = try await push("model", "models/large:v1", chunkBytes: 65_536)
        let folder = try await store().materialise(uri: pushed.pinned, digest: pushed.files)
        #expect(try Data(contentsOf: folder.appending(path: "large.bin")) == data)
    }

    @Test("a tag that moves changes nothing for the digest that was pinned before")
    func movedTag() async throws {
        let uri = "oci://\(registry.host)/models/fraud:latest"
        try fixture.write("one", to: "model/MLmodel")
        _ = try await push("model", "models/fraud:latest")
        let before = try await store().pin(uri: uri)
        try fixture.write("two", to: "model/MLmodel")
        _ = try await push("model", "models/fraud:latest")
        #expect(try await store().pin(uri: uri) != before)
        let cache = ModelCache(root: fixture.cache.path)
        try cache.remove("\(cache.root)/sha256")
        #expect(
            try StorageFixture.contents(of: try await store().materialise(uri: uri, digest: before)) == [
                "MLmodel": "one"
            ])
        try cache.remove(cache.root)
        let error = try await storageError { _ = try await store().materialise(uri: uri, digest: before) }
        #expect(
            error?.message.contains("the alias or tag moved, or the digest was wrong") == true,
            "\(String(describing: error))")
    }

    @Test("a ModelCar image gives the files below /models, with what higher layers replaced and removed")
    func modelCar() async throws {
        try registry.pushImage(
            "cars/fraud:v1",
            layers: #"""
                [[("bin", None), ("bin/sh", "shell"), ("bin/ash", ("=", "bin/sh")), ("models", None), ("models/a.bin", "old"),
                  ("models/gone.bin", "x"), ("models/sub/kept.bin", "low"), ("models/opaque/low.bin", "x"),
                  ("models/was-folder/x", "x"), ("models/was-file", "x")],
                 [("models/a.bin", "new"), ("models/.wh.gone.bin", ""), ("models/sub/b.bin", "high"),
                  ("models/opaque/.wh..wh..opq", ""), ("models/opaque/high.bin", "y"), ("models/current", ("->", "a.bin")),
                  ("models/same", ("=", "models/a.bin")), ("models/was-folder", "file"), ("models/was-file/y", "folder"),
                  ("etc/passwd", "x")]]
                """#)
        #expect(
            try await load("cars/fraud:v1") == [
                "a.bin": "new", "sub/kept.bin": "low", "sub/b.bin": "high", "opaque/high.bin": "y", "current": "new",
                "same": "new", "was-folder": "file", "was-file/y": "folder",
            ])
    }

    @Test("an index gives the image of this platform")
    func index() async throws {
        let digest = try registry.pushImage(
            "cars/both:v1", layers: #"[[("models/x", "PLATFORM")]]"#,
            platforms: ["linux/arm64", "linux/amd64", "linux/s390x"])
        #expect(try await load("cars/both:v1") == ["x": RegistryManifest.platform])
        #expect(try await load("cars/both@\(digest)") == ["x": RegistryManifest.platform])
        try registry.pushImage(
            "cars/other:v1", layers: #"[[("models/x", "PLATFORM")]]"#, platforms: ["linux/s390x", "linux/ppc64le"])
        let error = try await storageError { _ = try await load("cars/other:v1") }
        #expect(error?.message.contains("only for linux/ppc64le, linux/s390x") == true, "\(String(describing: error))")
    }

    @Test(
        "images that hold no model, or a dangerous one, are refused",
        arguments: [
            (#"[[("bin/sh", "x")]]"#, "no files below /models"), (#"[[("models/../x", "x")]]"#, "cannot be a file"),
            (#"[[("models/x", ("->", "../../etc/passwd"))]]"#, "leaves the folder"),
            (#"[[("models/x", ("=", "etc/passwd"))]]"#, "hard link to a file outside"),
            (#"[[("models", ("->", "/srv"))]]"#, "/models in it is no folder"),
        ])
    func badImages(layers: String, words: String) async throws {
        try registry.pushImage("cars/bad:v1", layers: layers)
        let error = try await storageError { _ = try await load("cars/bad:v1") }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        let partial = (try? FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/partial")) ?? []
        #expect(partial == [], "files are left behind")
    }

    @Test(
        "what is wrong is said",
        arguments: [
            ("models/none:v1", "There is no 'v1' in the repository"),
            ("models/fraud:v9", "There is no 'v9' in the repository"),
        ])
    func refusals(place: String, words: String) async throws {
        try fixture.write("one", to: "model/MLmodel")
        _ = try await push("model", "models/fraud:v1")
        let error = try await storageError { _ = try await load(place) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }

    @Test("what cannot be pushed is refused before anything is sent")
    func badPushes() async throws {
        try FileManager.default.createDirectory(
            at: fixture.folder.appending(path: "nothing"), withIntermediateDirectories: true)
        try fixture.write("x", to: "links/a")
        try FileManager.default.createSymbolicLink(
            atPath: "\(fixture.folder.path)/links/b", withDestinationPath: "a")
        for (folder, place, words) in [
            ("nothing", "m/x:v1", "holds no files"), ("links", "m/x:v1", "is a symbolic link"),
            ("links", "m/x@sha256:" + String(repeating: "0", count: 64), "Name a tag instead"),
            ("absent", "m/x:v1", "There is no file"),
        ] {
            let error = try await storageError { _ = try await push(folder, place) }
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        }
    }

    @Test("a registry that asks for a password gets that of Docker's configuration, to push and to fetch")
    func password() async throws {
        let locked = try DockerRegistry(fixture.folder.appending(path: "locked"), wantsPassword: true)
        try fixture.write("one", to: "model/MLmodel")
        let uri = "oci://\(locked.host)/models/fraud:v1"
        func attempt(_ password: String?) async throws -> StorageError? {
            if let password {
                let auth = Data("\(DockerRegistry.user):\(password)".utf8).base64EncodedString()
                try fixture.write(#"{"auths": {"\#(locked.host)": {"auth": "\#(auth)"}}}"#, to: "docker/config.json")
            }
            let environment = StoreEnvironment(
                ["DOCKER_CONFIG": "\(fixture.folder.path)/docker"], home: fixture.folder.path)
            let limits = StorageFixture.limits
            return try await storageError {
                _ = try await ModelPush(environment: environment, limits: limits).push(
                    "\(fixture.folder.path)/model", to: uri)
                let store = ModelStore(cacheDirectory: fixture.cache, limits: limits, environment: environment)
                let folder = try await store.materialise(uri: uri)
                #expect(try StorageFixture.contents(of: folder) == ["MLmodel": "one"])
            }
        }
        #expect(try await attempt(nil)?.message.contains("docker login \(locked.host)") == true)
        let wrong = try await attempt("wr0ng")
        #expect(wrong?.message.contains("does not accept the credentials") == true, "\(String(describing: wrong))")
        #expect(wrong?.message.contains("wr0ng") == false)
        #expect(try await attempt(DockerRegistry.password) == nil)
    }
}

import Foundation
import Synchronization
import Testing

@testable import ModelStorage

/// Against a server that models a registry with tokens.
struct RegistryTokenTests {
    let fixture: StorageFixture
    let registry: ScriptedRegistry

    init() throws {
        fixture = try StorageFixture()
        registry = try ScriptedRegistry(fixture.folder)
        try configure("s3cr3t")
    }

    private func configure(_ password: String) throws {
        let auth = Data("ada:\(password)".utf8).base64EncodedString()
        try fixture.write(#"{"auths": {"\#(registry.host)": {"auth": "\#(auth)"}}}"#, to: ".docker/config.json")
    }

    private func load(_ place: String) async throws -> [String: String] {
        let store = ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment([:], home: fixture.folder.path))
        return try StorageFixture.contents(of: try await store.materialise(uri: "oci://\(registry.host)/\(place)"))
    }

    @Test("the password goes to the token server, the token to the registry, and nothing to the host of the blobs")
    func token() async throws {
        #expect(try await load("m/fraud:v1") == ["model.bin": "weights"])
        let requests = registry.requests()
        #expect(requests.contains("127.0.0.1 /token Basic"))
        #expect(requests.contains("localhost /store/fraud none"), "\(requests)")
        for request in requests where request.contains("/v2/") { #expect(!request.hasSuffix("Basic"), "\(request)") }
        for request in requests where request.hasPrefix("localhost") {
            #expect(request.hasSuffix("none"), "\(request)")
        }
    }

    @Test("a token is kept while it is valid, and renewed before it ends")
    func renewal() async throws {
        let clock = ManualDate()
        let location = try RegistryLocation("oci://\(registry.host)/m/fraud:v1")
        let session = RegistrySession(
            location, StoreEnvironment([:], home: fixture.folder.path),
            caller: StoreCaller(limits: StorageFixture.limits, folder: fixture.folder.path), now: { clock.now })
        try await session.meet(
            .bearer(
                realm: "http://\(registry.host)/token", service: "reg", scope: "repository:m/fraud:pull", error: nil))
        func tokens() -> Int { registry.requests().count { $0.contains(" /token ") } }
        clock.advance(280)
        #expect(try await session.authorization() != nil)
        #expect(tokens() == 1)
        clock.advance(15)
        #expect(try await session.authorization() != nil)
        #expect(tokens() == 2)
    }

    @Test(
        "what is wrong is said, without the password",
        arguments: [
            ("m/liar:v1", "was not sent as its store lists it"), ("m/elsewhere:v1", "which is another domain"),
            ("m/busy:v1", "It limits how often it is asked"), ("m/swapped:v1", "sent a manifest with the digest"),
        ])
    func refusals(place: String, words: String) async throws {
        let error = try await storageError { _ = try await load(place) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        #expect(error?.message.contains("s3cr3t") == false)
    }

    @Test("a password that the token server refuses, and an entry without one, say what to do")
    func password() async throws {
        try configure("wr0ng")
        var error = try await storageError { _ = try await load("m/fraud:v1") }
        #expect(error?.code == .unauthorized)
        #expect(error?.message.contains("does not accept the credentials") == true, "\(String(describing: error))")
        try fixture.write(#"{"auths": {"\#(registry.host)": {}}, "credsStore": "desktop"}"#, to: ".docker/config.json")
        error = try await storageError { _ = try await load("m/fraud:v1") }
        #expect(error?.message.contains("docker-credential-desktop") == true, "\(String(describing: error))")
        try fixture.write("{", to: ".docker/config.json")
        error = try await storageError { _ = try await load("m/fraud:v1") }
        #expect(error?.message.contains("is not a configuration of Docker") == true, "\(String(describing: error))")
    }
}

/// A wall clock that tests move.
private final class ManualDate: Sendable {
    private let offset = Mutex(0.0)
    var now: Date { Date(timeIntervalSince1970: offset.withLock { $0 }) }
    func advance(_ seconds: TimeInterval) { offset.withLock { $0 += seconds } }
}

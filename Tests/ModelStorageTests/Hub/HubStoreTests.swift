import Foundation
import Testing

@testable import ModelStorage

/// Against a server that models the hub's API.
struct HubStoreTests {
    let fixture: StorageFixture
    let server: ScriptedHub

    init() throws {
        fixture = try StorageFixture()
        server = try ScriptedHub(fixture.folder)
    }

    private func load(_ uri: String, _ variables: [String: String] = [:]) async throws -> [String: String] {
        let all = variables.merging(["HF_ENDPOINT": "http://127.0.0.1:\(server.port)/"]) { $1 }
        let store = ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment(all, home: fixture.folder.path))
        return try StorageFixture.contents(of: try await store.materialise(uri: uri))
    }

    private let whole = ["config.json": "{}", "sub/model.safetensors": "weights", "model.bin": "pickle"]

    @Test("all files of a revision become a folder, at one commit")
    func files() async throws {
        #expect(try await load("hf://acme/fraud") == whole)
        #expect(server.requests().contains("127.0.0.1 /acme/fraud/resolve/\(ScriptedHub.commit)/config.json none"))
        #expect(try await load("hf://acme/fraud@refs%2Fpr%2F1") == whole)
        #expect(try await load("hf://acme/fraud:v1") == whole)
    }

    @Test("patterns choose the files")
    func patterns() async throws {
        #expect(
            try await load("hf://acme/fraud?include=*.safetensors&include=*.json") == [
                "config.json": "{}", "sub/model.safetensors": "weights",
            ])
        #expect(try await load("hf://acme/fraud?exclude=sub/*&exclude=model.b?n") == ["config.json": "{}"])
        let error = try await storageError { _ = try await load("hf://acme/fraud?include=*.onnx") }
        #expect(error?.message.contains("Check the patterns") == true)
    }

    @Test("a token is sent to the hub, and not to the host of the large files")
    func token() async throws {
        #expect(try await load("hf://acme/gated", ["HF_TOKEN": "t0k3n"]) == whole)
        let requests = server.requests()
        #expect(requests.contains("localhost /cdn/model.bin none"))
        #expect(requests.allSatisfy { $0.hasPrefix("127.0.0.1") == $0.hasSuffix("t0k3n") }, "\(requests)")
        try fixture.write("t0k3n\n", to: "secret")
        #expect(
            try await load("hf://acme/gated@v1", ["HF_TOKEN_PATH": fixture.folder.appending(path: "secret").path])
                == whole)
    }

    @Test(
        "what is wrong is said",
        arguments: [
            ("hf://acme/gated", "is gated"), ("hf://acme/nothing", "does not exist, or is private"),
            ("hf://acme/fraud@v9", "no revision 'v9'"), ("hf://acme/liar", "was not sent as its store lists it"),
            ("hf://acme/escape", "'../x'"),
        ])
    func refusals(uri: String, words: String) async throws {
        let error = try await storageError { _ = try await load(uri) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }

    @Test(
        "malformed addresses are refused",
        arguments: [
            "hf://acme", "hf://acme/", "hf:acme/x", "hf://acme/x/y", "hf://acme/..", "hf://acme/x@", "hf://acme/x@a..b",
            "hf://acme/x@-a", "hf://acme/x?revision=a", "hf://acme/x?include=", "hf://acme/x#a", "hf://a%2fb/x",
        ])
    func malformed(uri: String) {
        let error = #expect(throws: StorageError.self) { try HubLocation(uri) }
        #expect(error?.code == .unsupported)
    }
}

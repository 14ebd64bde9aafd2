import Foundation
import Testing

@testable import ModelStorage

/// Against a scripted server, for what moto does not do.
struct S3StoreTests {
    let fixture: StorageFixture
    let server: ScriptedS3

    init() throws {
        fixture = try StorageFixture()
        server = try ScriptedS3(fixture.folder)
    }

    private func load(_ uri: String) async throws -> [String: String] {
        let store = ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits, environment: server.environment())
        return try StorageFixture.contents(of: try await store.materialise(uri: uri))
    }

    @Test("pages of a listing are read to the end, and markers of folders are no files")
    func pages() async throws {
        #expect(try await load("s3://paged/m") == ["a": "m/a", "b": "m/b", "c": "m/c", "d/e": "m/d/e"])
        #expect(server.requests().allSatisfy { $0.hasSuffix("signed token") })
    }

    @Test("a listing without end is refused")
    func endless() async throws {
        let error = try await storageError { _ = try await load("s3://endless/m") }
        #expect(error?.code == .tooLarge)
    }

    @Test("if an object is gone after the listing, the model is listed again")
    func gone() async throws {
        #expect(try await load("s3://gone/m") == ["a": "m/a", "c": "m/c", "d/e": "m/d/e"])
    }

    @Test("a redirect to another host carries neither the signature nor the token")
    func away() async throws {
        #expect(try await load("s3://away/m/a") == ["a": "m/a"])
        #expect(server.requests().last == "localhost /away/m/a unsigned none")
    }

    @Test(
        "answers that bring no model say why",
        arguments: [
            ("s3://region/m", "is in the region 'eu-west-1', not in 'us-east-1'. Set AWS_REGION=eu-west-1."),
            ("s3://expired/m", "has expired"), ("s3://page/m", "web page"), ("s3://escape/m", "'../b'"),
        ])
    func refusals(uri: String, words: String) async throws {
        let error = try await storageError { _ = try await load(uri) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        #expect(error?.message.contains("s3cr3t") == false)
    }
}

import Foundation
import Testing

@testable import ModelStorage

/// Against a server that models Azure's API and verifies signatures.
struct AzureTests {
    let fixture: StorageFixture
    let server: ScriptedAzure

    init() throws {
        fixture = try StorageFixture()
        server = try ScriptedAzure(fixture.folder)
    }

    private func load(_ uri: String, _ changes: [String: String]) async throws -> [String: String] {
        let base = ["AZURE_STORAGE_BLOB_ENDPOINT": server.endpoint]
        let store = ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment(base.merging(changes) { $1 }, home: fixture.folder.path))
        return try StorageFixture.contents(of: try await store.materialise(uri: uri))
    }

    private let whole = ["model.json": "one", "sub/a b+c.bin": "two"]

    @Test("all blobs below a prefix become a folder, with requests that the account's key signs")
    func sharedKey() async throws {
        let key = ["AZURE_STORAGE_KEY": ScriptedAzure.key]
        #expect(try await load("az://acme/models/fraud/v1", key) == whole)
        #expect(try await load("az://acme/models/fraud/v1/", key) == whole)
        #expect(try await load("az://acme/models/fraud/v1/model.json", key) == ["model.json": "one"])
        let connection =
            "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=\(ScriptedAzure.key);EndpointSuffix=core.windows.net"
        #expect(try await load("az://acme/models/fraud/v1", ["AZURE_STORAGE_CONNECTION_STRING": connection]) == whole)
    }

    @Test("a shared access signature is added to each request, and a workload's identity is exchanged for a token")
    func others() async throws {
        #expect(try await load("az://acme/models/fraud/v1", ["AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=a%2Bb"]) == whole)
        try fixture.write("pr00f\n", to: "proof")
        #expect(
            try await load(
                "az://acme/models/fraud/v1",
                [
                    "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_AUTHORITY_HOST": server.endpoint,
                    "AZURE_FEDERATED_TOKEN_FILE": "\(fixture.folder.path)/proof",
                ]) == whole)
    }

    @Test("what is wrong is said, without the secret")
    func refusals() async throws {
        let wrong = Data("wr0ng-s3cr3t".utf8).base64EncodedString()
        for (uri, changes, words) in [
            ("az://acme/models/fraud/v1", [:], "none are set"),
            ("az://acme/models/fraud/v1", ["AZURE_STORAGE_KEY": wrong], "does not accept the key or the signature"),
            ("az://acme/models/fraud/v1", ["AZURE_STORAGE_KEY": "%"], "is not base64"),
            ("az://acme/models/fraud/v1", ["AZURE_STORAGE_SAS_TOKEN": "sig=expired"], "has not expired"),
            ("az://acme/nothing/x", ["AZURE_STORAGE_KEY": ScriptedAzure.key], "There is no container 'nothing'"),
            ("az://acme/models/nothing", ["AZURE_STORAGE_KEY": ScriptedAzure.key], "no blobs are below it"),
            (
                "az://acme/models/fraud/v1",
                ["AZURE_STORAGE_KEY": ScriptedAzure.key, "AZURE_STORAGE_ACCOUNT": "other"],
                "none are set"
            ),
        ] as [(String, [String: String], String)] {
            let error = try await storageError { _ = try await load(uri, changes) }
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
            #expect(error?.message.contains(wrong) == false)
            #expect(error?.message.contains("expired\"") == false)
        }
    }

    @Test("the text that is signed is that of Azure's documentation")
    func stringToSign() throws {
        let key = try #require(AzureKey(account: "myaccount", base64: "a2V5"))
        var request = TransferPlan.Request(
            location: try WebLocation(
                "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20"))
        request.fields = [WebField(name: "x-ms-version", value: "2015-02-21")]
        #expect(
            key.stringToSign(request, stamp: "Fri, 26 Jun 2015 23:39:12 GMT")
                == "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                + "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20")
        #expect(AzureKey.stamp(Date(timeIntervalSince1970: 1_435_361_952)) == "Fri, 26 Jun 2015 23:39:12 GMT")
        #expect("\(key)" == "a key")
    }

    @Test(
        "malformed addresses are refused",
        arguments: [
            "az:a/b/c", "az://acme", "az://acme/models", "az://acme/models/", "az://ACME/models/x", "az://acme/M/x",
            "az://acme/models/a/../b", "az://acme/models/a?sig=x", "az://acme/models/a#b", "az://acme/-x-/a",
        ])
    func malformed(uri: String) {
        #expect(throws: StorageError.self) { try AzureLocation(uri) }
    }
}

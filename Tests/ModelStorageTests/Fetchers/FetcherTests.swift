import Foundation
import Testing

@testable import ModelStorage

struct FetcherTests {
    let fixture: StorageFixture

    init() throws { fixture = try StorageFixture() }

    /// Writes the files that it was made with, and reports the address that it was asked for.
    private struct Writer: ModelFetcher {
        var files: [String: String]
        var link: String?

        func fetch(
            _ address: String, into folder: String, progress: @escaping @Sendable (TransferProgress) -> Void
        ) async throws {
            for (path, text) in files {
                let file = URL(fileURLWithPath: "\(folder)/\(path)")
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.replacing("ADDRESS", with: address).utf8).write(to: file)
            }
            if let link {
                try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: link)
            }
            progress(TransferProgress(bytes: 1, totalBytes: nil))
        }
    }

    private func store(_ fetcher: Writer) -> ModelStore {
        ModelStore(
            cacheDirectory: fixture.cache, limits: StorageFixture.limits,
            environment: StoreEnvironment([:], home: fixture.folder.path), fetchers: ["dvc": fetcher])
    }

    @Test("a fetcher's files become the model's folder, with the digest of the same tree on this machine")
    func fetched() async throws {
        let store = store(Writer(files: ["model.json": "ADDRESS", "sub/b": "two"]))
        let uri = "fetch+dvc:https://git.example.com/models#fraud@v3"
        let folder = try await store.materialise(uri: uri)
        let whole = ["model.json": "dvc:https://git.example.com/models#fraud@v3", "sub/b": "two"]
        #expect(try StorageFixture.contents(of: folder) == whole)
        let digest = try await store.pin(uri: uri)
        for (path, text) in whole { try fixture.write(text, to: "tree/\(path)") }
        #expect(try await store.pin(uri: "file:\(fixture.folder.path)/tree") == digest)
        #expect(try await store.materialise(uri: uri, digest: digest) == folder)
    }

    @Test("other files than the digest says, no files, and links that lead out are refused, and nothing is left behind")
    func refused() async throws {
        let other = "sha256:" + String(repeating: "0", count: 64)
        for (fetcher, digest, words) in [
            (Writer(files: ["a": "x"]), other, "is required"), (Writer(files: [:]), nil, "brought no files"),
            (Writer(files: ["a": "x"], link: "/etc/passwd"), nil, "points out of the model's folder"),
        ] as [(Writer, String?, String)] {
            let error = try await storageError {
                _ = try await store(fetcher).materialise(uri: "fetch+dvc:x", digest: digest)
            }
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(fixture.cache.path)/staging")
        #expect(left == [])
    }

    @Test("a fetcher that the settings do not have is named")
    func unknown() async throws {
        let error = try await storageError { _ = try await store(Writer(files: [:])).pin(uri: "fetch+wandb:x") }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("needs the fetcher 'wandb'") == true)
    }

    @Test(
        "malformed addresses are refused",
        arguments: ["fetch+:x", "fetch+dvc", "fetch+dvc:", "fetch+D:x", "fetch+-a:x"])
    func malformed(uri: String) {
        #expect(throws: StorageError.self) { try ModelLocation(uri) }
    }
}

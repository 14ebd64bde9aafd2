import Foundation
import TestSupport
import Testing

@testable import ModelStorage

/// Against Python's web server, which answers a folder with a page.
struct ModelListingTests {
    let fixture: StorageFixture
    let port: Int
    private let server: ChildProcess

    init() throws {
        fixture = try StorageFixture()
        try fixture.write("one", to: "www/fraud/model.json")
        try fixture.write("two", to: "www/fraud/sub/a b+c.bin")
        server = try ChildProcess(["python3", "-c", Self.program, fixture.www.path])
        port = try server.readLine().flatMap { Int($0) } ?? 0
    }

    private let whole = ["model.json": "one", "sub/a b+c.bin": "two"]
    private var folder: String { "http://127.0.0.1:\(port)/fraud/" }
    private var path: String { fixture.www.appending(path: "fraud").path }

    private func load(_ uri: String) async throws -> [String: String] {
        try StorageFixture.contents(of: try await fixture.store().materialise(uri: uri))
    }

    @Test("a folder with a listing is fetched by its address, and has the digest that pack says")
    func folderByListing() async throws {
        let summary = try await ModelListing.write(path)
        #expect(summary.files == 2 && summary.bytes == 6)
        #expect(try await load(folder) == whole)
        #expect(try await load(folder + ModelListing.fileName) == whole)
        #expect(try await load(folder + "?sig=x") == whole)
        #expect(try await fixture.store().pin(uri: folder) == summary.digest)
        // Packed again, the listing is not one of the files.
        #expect(try await ModelListing.write(path) == summary)
    }

    @Test("a folder without a listing is refused, and its page is no model")
    func noListing() async throws {
        let error = try await storageError { _ = try await load(folder) }
        #expect(error?.message.contains("has no mlctl-listing.json (404). Run `mlctl pack FOLDER`") == true)
        let page = try await storageError { _ = try await load("http://127.0.0.1:\(port)/fraud") }
        #expect(page?.message.contains("a web page, not with a model") == true, "\(String(describing: page))")
    }

    @Test("files that are not those of the listing are refused")
    func changed() async throws {
        _ = try await ModelListing.write(path)
        try fixture.write("eno", to: "www/fraud/model.json")
        let error = try await storageError { _ = try await load(folder) }
        #expect(error?.message.contains("was not sent as its store lists it") == true, "\(String(describing: error))")
        try FileManager.default.removeItem(atPath: "\(path)/model.json")
        let gone = try await storageError { _ = try await load(folder) }
        #expect(gone?.code == .changing)
        #expect(gone?.message.contains("was changed or removed after it was listed") == true)
    }

    @Test(
        "what is no listing, or names files outside of the folder, is refused",
        arguments: [
            ("[]", "is no listing of version 1"), (#"{"version": 2, "files": []}"#, "is no listing of version 1"),
            (#"{"version": 1, "files": []}"#, "holds no files"),
            (#"{"version": 1, "files": [{"path": "a", "bytes": 1, "sha256": "x"}]}"#, "is no listing of version 1"),
            (
                #"{"version": 1, "files": [{"path": "../a", "bytes": 1, "sha256": "\#(String(repeating: "a", count: 64))"}]}"#,
                "cannot be a file in a folder"
            ),
        ])
    func bad(text: String, words: String) async throws {
        try fixture.write(text, to: "www/fraud/\(ModelListing.fileName)")
        let error = try await storageError { _ = try await load(folder) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }

    @Test("links and single files are not packed")
    func unpackable() async throws {
        try FileManager.default.createSymbolicLink(atPath: "\(path)/link", withDestinationPath: "model.json")
        let error = try await storageError { _ = try await ModelListing.write(path) }
        #expect(error?.message.contains("is a symbolic link") == true)
        let single = try await storageError { _ = try await ModelListing.write("\(path)/model.json") }
        #expect(single?.message.contains("needs no listing") == true)
    }

    private static let program = #"""
        import functools, http.server, os, sys, threading
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
        http.server.SimpleHTTPRequestHandler.log_message = lambda *arguments: None
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}

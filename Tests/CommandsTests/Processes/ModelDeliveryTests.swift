import Foundation
import Logging
import ModelStorage
import Testing

@testable import Commands

@Suite("Model files fetched into a folder")
struct ModelDeliveryTests {
    private func withFolders(_ body: (_ model: URL, _ target: URL) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "mlctl-delivery-\(UUID().uuidString)")
        let (model, target) = (root.appending(path: "model/sub"), root.appending(path: "target"))
        for folder in [model, target] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try Data("weights".utf8).write(to: model.appending(path: "weights.bin"))
        try Data("config".utf8).write(to: model.deletingLastPathComponent().appending(path: "config.json"))
        try await body(model.deletingLastPathComponent(), target)
        try? FileManager.default.removeItem(at: root)
    }

    private func delivery(_ target: URL) -> ModelDelivery {
        ModelDelivery(folder: target, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func text(_ file: URL) -> String? { try? String(contentsOf: file, encoding: .utf8) }

    @Test("holds the files unchanged, fetched once, and nothing else")
    func delivers() async throws {
        try await withFolders { model, target in
            let uri = "file:\(model.path(percentEncoded: false))"
            let digest = try await delivery(target).deliver(uri: uri, digest: nil)
            #expect(text(target.appending(path: "sub/weights.bin")) == "weights")
            #expect(text(target.appending(path: "config.json")) == "config")
            let names = try FileManager.default.contentsOfDirectory(atPath: target.path(percentEncoded: false))
            #expect(Set(names) == ["sub", "config.json", ModelDelivery.marker])
            // A container that is started again finds them there.
            let again = try await delivery(target).deliver(uri: uri, digest: digest)
            #expect(again == digest)
        }
    }

    @Test("leftovers of an interrupted attempt are replaced")
    func replaces() async throws {
        try await withFolders { model, target in
            try Data("half".utf8).write(to: target.appending(path: "config.json"))
            _ = try await delivery(target).deliver(uri: "file:\(model.path(percentEncoded: false))", digest: nil)
            #expect(text(target.appending(path: "config.json")) == "config")
        }
    }

    @Test("addresses that a manifest refuses are refused here too")
    func addresses() async throws {
        #expect(throws: (any Error).self) {
            try FetchModelCommand.parse(["--uri", "http://127.0.0.1/x", "--to", "/x"])
        }
        #expect(throws: (any Error).self) {
            try FetchModelCommand.parse(["--uri", "HTTP://127.0.0.1/x", "--to", "/x"])
        }
        #expect(throws: (any Error).self) {
            try FetchModelCommand.parse(["--uri", "models:/x@y", "--to", "/x", "--allowed-source", "nonsense"])
        }
        #expect(
            try FetchModelCommand.parse(["--uri", "models:/x@y", "--to", "/x", "--allowed-source", "s3://b/"]).uri
                != nil)
    }

    @Test("a fetch that is refused for good leaves nothing behind")
    func leavesNothing() async throws {
        try await withFolders { model, target in
            try Data("no archive".utf8).write(to: model.appending(path: "m.tar.gz"))
            await #expect(throws: StorageError.self) {
                try await delivery(target).deliver(
                    uri: "file:\(model.path(percentEncoded: false))/m.tar.gz", digest: nil)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: target.path(percentEncoded: false)) == [])
        }
    }

    @Test("files that do not match the digest are refused")
    func verifies() async throws {
        try await withFolders { model, target in
            let other = "sha256:" + String(repeating: "0", count: 64)
            await #expect(throws: StorageError.self) {
                try await delivery(target).deliver(uri: "file:\(model.path(percentEncoded: false))", digest: other)
            }
            #expect(text(target.appending(path: "config.json")) == nil)
        }
    }
}

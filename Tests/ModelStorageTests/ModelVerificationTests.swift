import Foundation
import Testing

@testable import ModelStorage

@Suite("Files that mlctl did not load itself")
struct ModelVerificationTests {
    private func withFolder(_ files: [String: String], _ body: (String) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "mlctl-verify-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        for (name, text) in files {
            let file = root.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        try await body(root.path(percentEncoded: false))
    }

    private func digest(of folder: String) throws -> String {
        try FileTree(scanning: folder, limits: StorageLimits(), cancellation: Cancellation())
            .digest(cancellation: Cancellation()).description
    }

    @Test("a folder has the digest of its tree, without the files that download tools leave behind")
    func tree() async throws {
        try await withFolder(["a.bin": "a", "sub/b.bin": "b"]) { folder in
            let digest = try digest(of: folder)
            try await ModelVerification(place: folder).verify(digest)
            let leftover = URL(fileURLWithPath: folder).appending(path: ".cache/huggingface/download/a.metadata")
            try FileManager.default.createDirectory(
                at: leftover.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("now".utf8).write(to: leftover)
            try await ModelVerification(place: folder).verify(digest)
        }
    }

    @Test("a folder with one file, or a single file, may match that file's digest")
    func single() async throws {
        try await withFolder(["model.bin": "weights"]) { folder in
            let own = ContentDigest(of: "weights".utf8).description
            try await ModelVerification(place: folder).verify(own)
            try await ModelVerification(place: folder + "/model.bin").verify(own)
            try await ModelVerification(place: folder).verify(digest(of: folder))
        }
    }

    @Test("other files are refused, and the error has their digest and what to do")
    func other() async throws {
        try await withFolder(["a.bin": "a", "b.bin": "b"]) { folder in
            let found = try digest(of: folder)
            let wanted = "sha256:" + String(repeating: "0", count: 64)
            let error = await #expect(throws: StorageError.self) {
                try await ModelVerification(place: folder).verify(wanted)
            }
            #expect(error?.code == .digestMismatch)
            #expect(error?.message.contains(found) == true)
            #expect(error?.message.contains("commit the new digest") == true)
            // The digest of one of two files is not the digest of the folder.
            await #expect(throws: StorageError.self) {
                try await ModelVerification(place: folder).verify(ContentDigest(of: "a".utf8).description)
            }
        }
    }
}

import Foundation
import TestSupport
import Testing

@testable import Commands

@Suite("The folder of mlctl init")
struct ModelRepositoryFolderTests {
    private static func withFolder(_ body: (ModelRepositoryFolder) async throws -> Void) async throws {
        let url = FileManager.default.temporaryDirectory.appending(
            path: "init-\(UUID().uuidString)", directoryHint: .isDirectory)
        defer { try? FileManager.default.removeItem(at: url) }
        try await body(ModelRepositoryFolder(url: url))
    }

    @Test("a new folder becomes a repository with one commit; another deployment can be added, nothing is overwritten")
    func commits() async throws {
        try await Self.withFolder { folder in
            try folder.requireRoom(for: ["models/a.yaml"])
            let first = try await folder.commit(["models/a.yaml": "a"], message: "one")
            #expect(first.count == 40)
            #expect(try await folder.branch() == "main")
            try folder.requireRoom(for: ["models/b.yaml"])
            let error = #expect(throws: CommandFailure.self) { try folder.requireRoom(for: ["models/a.yaml"]) }
            #expect(error?.message.contains("already has models/a.yaml") == true)
            await #expect(throws: CommandFailure.self) {
                _ = try await folder.commit(["models/a.yaml": "other"], message: "two")
            }
            let text = try String(contentsOf: folder.url.appending(path: "models/a.yaml"), encoding: .utf8)
            #expect(text == "a")
        }
    }

    @Test("what fails leaves nothing behind, so that the same command can be tried again")
    func failures() async throws {
        try await Self.withFolder { folder in
            try ChildProcess.run(
                ["git", "init", "--quiet", "--initial-branch=main", folder.url.path], environment: [:])
            let hook = folder.url.appending(path: ".git/hooks/pre-commit")
            try FileManager.default.createDirectory(
                at: hook.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("#!/bin/sh\nexit 1\n".utf8).write(to: hook)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook.path)
            let files = ["models/a.yaml": "a", "README.md": "r"]
            await #expect(throws: CommandFailure.self) { _ = try await folder.commit(files, message: "one") }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [".git"])
            let staged = try ChildProcess.run(
                ["git", "-C", folder.url.path, "status", "--porcelain"], environment: [:])
            #expect(staged.isEmpty)
            try FileManager.default.removeItem(at: hook)
            try folder.requireRoom(for: files.keys)
            #expect(try await folder.commit(files, message: "one").count == 40)
        }
    }

    @Test(
        "a folder with other files that is no repository is left alone, and so are changes that somebody has not committed"
    )
    func others() async throws {
        try await Self.withFolder { folder in
            try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
            try Data("x".utf8).write(to: folder.url.appending(path: "notes.txt"))
            let error = #expect(throws: CommandFailure.self) { try folder.requireRoom(for: ["models/a.yaml"]) }
            #expect(error?.message.contains("is no git repository") == true)
            try ChildProcess.run(
                ["git", "-C", folder.url.path, "init", "--quiet", "--initial-branch=main"], environment: [:])
            try ChildProcess.run(["git", "-C", folder.url.path, "add", "notes.txt"], environment: [:])
            _ = try await folder.commit(["models/a.yaml": "a"], message: "one")
            let listed = try ChildProcess.run(
                ["git", "-C", folder.url.path, "ls-tree", "-r", "--name-only", "HEAD"], environment: [:])
            #expect(listed == "models/a.yaml")
        }
    }
}

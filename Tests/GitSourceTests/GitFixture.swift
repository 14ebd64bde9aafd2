import Foundation
import TestSupport

@testable import GitSource

/// A real git repository in a temporary folder, which goes with it.
final class GitFixture {
    let folder: URL
    var source: URL { folder.appending(path: "source") }
    var mirror: URL { folder.appending(path: "state/mirror") }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "git-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
        try git("init", "--quiet", "--initial-branch=main")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @discardableResult
    func git(_ arguments: String...) throws -> String { try Self.run(["git", "-C", source.path] + arguments) }

    @discardableResult
    static func run(_ command: [String]) throws -> String {
        try ChildProcess.run(
            command,
            environment: [
                "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
                "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            ])
    }

    func write(_ text: String, to path: String) throws { try write(Data(text.utf8), to: path) }

    func write(_ data: Data, to path: String) throws {
        let file = source.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
    }

    /// - Returns: the commit's id.
    @discardableResult
    func commit(_ files: [String: String] = [:], message: String = "change") throws -> String {
        for (path, text) in files { try write(text, to: path) }
        try git("add", "--all")
        try git("commit", "--quiet", "--allow-empty", "--message", message)
        return try git("rev-parse", "HEAD")
    }

    func repository(
        url: String? = nil, reference: String = "main", path: String = ".", timeouts: GitTimeouts = GitTimeouts(),
        environment: [String: String] = [:]
    ) throws -> GitRepository {
        GitRepository(
            configuration: try GitConfiguration(
                url: url ?? source.path, reference: reference, path: path, mirrorDirectory: mirror.path,
                timeouts: timeouts, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 }))
    }

    /// An executable script in a folder of its own.
    func script(_ name: String, _ body: String) throws -> URL {
        let bin = folder.appending(path: "bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        let file = bin.appending(path: name)
        try Data("#!/bin/sh\n\(body)\n".utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        return file
    }
}

/// The `GitError` that the body throws; nil where it throws none.
func gitError(_ body: () async throws -> Void) async throws -> GitError? {
    do {
        try await body()
        return nil
    } catch let error as GitError {
        return error
    }
}
